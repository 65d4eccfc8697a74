#!/bin/sh
# Runs the unit tests and the demo on an older Python than .venv's, such as Debian 12's 3.11.2. The requirement is
# Python 3.11, and a .venv made by a newer one cannot show that it works.
set -eu

python=${OLDEST_PYTHON:-/usr/bin/python3}
venv=.venv-oldest
version=$(.venv/bin/python -c 'import sys; print(tuple(sys.version_info[:3]))')

if ! "$python" -c "import sys; sys.exit(not (3, 11) <= sys.version_info[:3] < $version)" 2>/dev/null; then
  echo "test-oldest: skipped, $python is not a Python from 3.11 that is older than .venv's (set OLDEST_PYTHON)"
  exit 0
fi
if [ ! -e $venv/.ready ] || [ uv.lock -nt $venv/.ready ] || [ pyproject.toml -nt $venv/.ready ]; then
  echo "setting up $venv with $("$python" --version) ..."
  rm -rf $venv
  "$python" -m venv --without-pip $venv
  .venv/bin/uv export --quiet --frozen --all-extras --no-default-groups --group unit --no-emit-project \
    --output-file $venv/requirements.txt
  pip=".venv/bin/python -m pip --disable-pip-version-check --quiet --python $venv/bin/python"
  $pip install --no-deps --require-hashes --requirement $venv/requirements.txt
  $pip install --no-deps --no-build-isolation --editable .
  touch $venv/.ready
fi
exec $venv/bin/python -m pytest --quiet --numprocesses=2 tests/unit tests/integration/relayctl/demo tests/e2e/test_demo.py
