"""Says how much `pip install -r FILE` will download, with the user's own pip configuration."""

import json
import subprocess
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor


def size_of(url: str) -> int | None:
    """Bytes to download for one archive: 0 for a local file, None where the server does not say."""
    if url.startswith("file:"):
        return 0
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=20) as answer:
            return int(answer.headers["Content-Length"])
    except (OSError, TypeError, ValueError):
        return None


def main() -> None:
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--dry-run", "--quiet"]
    resolved = subprocess.run([*pip, "--report", "-", "-r", sys.argv[1]], capture_output=True, text=True, check=False)
    if resolved.returncode != 0:
        print("setup: pip cannot say beforehand how much it will download")
        return
    urls = [item["download_info"]["url"] for item in json.loads(resolved.stdout)["install"]]
    with ThreadPoolExecutor(16) as pool:
        sizes = list(pool.map(size_of, urls))
    known = [size for size in sizes if size is not None]
    unknown = len(sizes) - len(known)
    size = f"{sum(known) / 1e6:,.0f} MB" + (f" and {unknown} files of unknown size" if unknown else "")
    print(f"setup: pip will download {size} for {len(urls)} packages, less what it has cached")


if __name__ == "__main__":
    main()
