//! Quantities: `100m`, `1Gi`.
