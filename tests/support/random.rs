//! Numbers that look random, the same for the same seed.

/// Where the numbers are.
pub struct Random(u64);

impl Random {
    /// From `STEADFAST_TEST_SEED`, or by the clock. Prints the seed.
    pub fn new() -> Self {
        let given = std::env::var("STEADFAST_TEST_SEED").ok().and_then(|text| text.parse().ok());
        let clock = || std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_nanos();
        let seed = given.unwrap_or_else(|| u64::try_from(clock() & 0xffff_ffff).expect("32 bits"));
        println!("STEADFAST_TEST_SEED={seed}");
        Self::of(seed)
    }

    /// From this seed.
    pub fn of(seed: u64) -> Self {
        Self(seed ^ 0x9e37_79b9_7f4a_7c15)
    }

    /// Something below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        // xorshift64*, Vigna 2016.
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % end.max(1)
    }

    /// The same, of a list with `end` items.
    pub fn index(&mut self, end: usize) -> usize {
        usize::try_from(self.below(end as u64)).expect("it is below an index")
    }
}
