"""The seed's page on a real Kubernetes, line by line: blue and green as StatefulSets whose pods have their own disks.

Runs where root, the kernel and the packages allow (`scripts/test --e2e`; the reason is printed where not).
"""
import re
import subprocess

import pytest

from support.cluster import NODE, Cluster, why_not
from support.places import ROOT

PRINT_VISITS = 'from sys import stdin; print(int.from_bytes(stdin.buffer.read(), "little"))'
COLOURS = ("blue", "green")
PODS = [f"app-{colour}-{ordinal}" for colour in COLOURS for ordinal in range(4)]


@pytest.fixture(scope="module")
def cluster(request, tmp_path_factory):
    if not request.config.getoption("--cluster"):
        pytest.skip("a real cluster: under --cluster (scripts/test --e2e)")
    reason = why_not()
    if reason:
        pytest.skip(reason)
    images = tmp_path_factory.mktemp("images")
    subprocess.run([ROOT / "scripts/images", "--out", images, "--tag", "0.1.0"], check=True)
    cluster = Cluster(sorted(images.glob("*.tar")))
    try:
        cluster.add_disks(8)
        cluster.kubectl("apply", "-k", str(ROOT / "k8s/overlays/e2e"))
        cluster.kubectl("scale", "statefulset", "app-blue", "app-green", "--replicas=4")
        for colour in COLOURS:
            cluster.wait_until(f"app-{colour} with 4 ready", lambda name=f"app-{colour}": ready(cluster, name) == 4, timeout=120)
        yield cluster
    finally:
        cluster.down()


def ready(cluster, name):
    return cluster.get("statefulset", name)["status"].get("readyReplicas", 0)


def visits(cluster, pod):
    """As the seed does it: cat in the pod, Python outside."""
    data = cluster.kubectl("exec", f"pod/{pod}", "--", "cat", "/app/persistent/visits.bin", stdin=b"")
    printed = subprocess.run(["python3", "-c", PRINT_VISITS], input=data, capture_output=True, check=True).stdout
    return int(printed)


def addresses(cluster):
    return {pod["metadata"]["name"]: pod["status"]["podIP"] for pod in cluster.get("pods")["items"]}


def test_eight_pods_have_eight_disks(cluster):
    shown = cluster.kubectl("get", "po,sts,svc,pvc")
    for pod in PODS:
        assert re.search(rf"pod/{pod} +1/1 +Running +0 ", shown), shown
        assert re.search(rf"persistentvolumeclaim/persistent-{pod} +Bound +disk-\d +1Mi +RWOP +disks ", shown), shown
    for colour in COLOURS:
        assert re.search(rf"statefulset.apps/app-{colour} +4/4 ", shown), shown
        assert re.search(rf"service/app-{colour} +ClusterIP +None +<none> +5000/TCP ", shown), shown


def test_probes_are_no_visits(cluster):
    restarts = [status["restartCount"] for pod in cluster.get("pods")["items"] for status in pod["status"]["containerStatuses"]]
    assert restarts == [0] * 8
    # Ready means that probes came; the seed's pods had counted 95 of them.
    assert [visits(cluster, pod) for pod in PODS] == [0] * 8


def test_a_pod_counts_its_own_visits_and_keeps_them(cluster):
    before = visits(cluster, "app-blue-1")
    address = addresses(cluster)["app-blue-1"]
    for _ in range(7):
        assert "app-blue-1" in cluster.run("curl", "-sf", "-H", "Accept: application/json", f"http://{address}:5000/")
    assert visits(cluster, "app-blue-1") == before + 7
    uid = cluster.get("pod", "app-blue-1")["metadata"]["uid"]
    cluster.kubectl("delete", "pod", "app-blue-1")

    def is_another():
        pods = [pod for pod in cluster.get("pods")["items"] if pod["metadata"]["name"] == "app-blue-1"]
        return pods and pods[0]["metadata"]["uid"] != uid and ready(cluster, "app-blue") == 4

    cluster.wait_until("successor of app-blue-1", is_another)
    assert visits(cluster, "app-blue-1") == before + 7


def test_applying_again_moves_nothing(cluster):
    before = {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in cluster.get("pods")["items"]}
    cluster.kubectl("apply", "-k", str(ROOT / "k8s/overlays/e2e"))
    for colour in COLOURS:
        assert cluster.get("statefulset", f"app-{colour}")["spec"]["replicas"] == 4
    assert {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in cluster.get("pods")["items"]} == before


def test_the_node_is_reached_from_its_own_network_only(cluster):
    assert cluster.run("ip", "-4", "addr", "show", "node0").count(NODE) == 1
    outside = subprocess.run(["ip", "-4", "addr"], capture_output=True, text=True, check=True).stdout
    assert NODE not in outside
