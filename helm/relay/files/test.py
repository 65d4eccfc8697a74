"""What `helm test` runs inside the cluster: the proxy can do its work, and Prometheus could scrape it."""

import os
import sys
import urllib.request

url, key = os.environ["RELAY_URL"], os.environ.get("PROXY_MASTER_KEY", "")


def ask(path: str) -> str:
    """The body of an answer with 200; anything else ends the test with one sentence."""
    request = urllib.request.Request(url + path, headers={"Authorization": f"Bearer {key}"})  # noqa: S310 - our own URL
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - our own URL
            return str(answer.read().decode())
    except OSError as error:
        sys.exit(f"{url}{path} does not answer as it should: {error}")


ask("/readyz")
if "relay_active_requests" not in ask("/metrics"):
    sys.exit(f"{url}/metrics has no metric of Relay's")
sys.stdout.write("the proxy is ready and can be scraped\n")
