"""Run by `helm test` in the cluster: checks that the proxy is ready and can be scraped."""

import os
import sys
import urllib.request

url, key = os.environ["RELAY_URL"], os.environ.get("PROXY_MASTER_KEY", "")


def ask(path: str) -> str:
    """Returns the body of an answer with status 200; exits with an error message otherwise."""
    request = urllib.request.Request(url + path, headers={"Authorization": f"Bearer {key}"})  # noqa: S310 - the URL of the chart
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - the URL of the chart
            return str(answer.read().decode())
    except OSError as error:
        sys.exit(f"{url}{path} does not answer correctly: {error}")


ask("/readyz")
if "relay_active_requests" not in ask("/metrics"):
    sys.exit(f"{url}/metrics has no metric of Relay")
sys.stdout.write("the proxy is ready and can be scraped\n")
