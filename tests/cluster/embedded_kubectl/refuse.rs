use super::*;

const NO_MACHINE: &str = "the embedded server runs no containers";

#[test]
fn what_needs_a_container_is_refused_in_clear_words() {
    let Some(space) = Space::begin("refuse") else { return };
    space.deployed(1);
    let pod = space.ok("get pods -o jsonpath={.items[0].metadata.name}");
    for line in [
        "logs deployment/web".to_owned(),
        format!("logs {pod} --all-containers"),
        format!("exec {pod} -- ls"),
        format!("attach {pod}"),
        format!("port-forward {pod} :8080"),
        format!("cp {pod}:/etc/hosts hosts"),
        format!("debug {pod} --image=tools:1"),
    ] {
        has_all(&space.fails(&line), &[NO_MACHINE]);
    }
    assert_eq!(space.fails("top pods"), "error: Metrics API not available\n");
    assert_eq!(space.fails("top nodes"), "error: Metrics API not available\n");
}
