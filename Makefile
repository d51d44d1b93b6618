# One entry for people and CI. Every target makes .venv on first use; only system-packages touches apt.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SYSTEM_PACKAGES := strace mosquitto mosquitto-clients softhsm2 util-linux libmodbus5 nats-server rabbitmq-server \
	mmdebstrap help2man python3-venv \
	qemu-system-x86 linux-image-amd64 busybox-static cpio kmod udev systemd usbip dfu-util libusb-1.0-0 postgresql-15 \
	chromium chromium-driver fonts-liberation prometheus

# What people read on a bench without a network, and all that it links to.
DOCUMENTS := README.md CHANGELOG.md CONTRIBUTING.md LICENSE deploy docs tests/drivers/outside_driver

SEED ?= 7
KILLS ?= 50
TRANSPORT ?= mixed
BOARDS ?= mixed
SCENARIOS ?= 200
SCANS ?= 10000
HOURS ?= 2
SCALE ?= 30
PEOPLE ?= 1
HANDS ?= 20
LOADING ?= continuous
CUTS ?= 20
HUBS ?= 20000
KILLS_UPSTREAM ?= 1000
RATE ?= 300
STEADY ?= 300
DATABASES ?= sqlite postgresql
ONLY ?=
# The proofs share the tests' benches.
PROOF := PYTHONPATH=tests $(BIN)/python tests/chaos

.PHONY: help demo test test-proofs test-usb test-judges test-browser test-machine test-package prove-machine check bench guard chaos hands crashes matrix soak packing shift kills fleet sit prove bundle format mutants fuzz audit sbom deb lock system-packages clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  %-16s %s\n", $$1, $$2}'

$(VENV)/.ready: requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or later is needed; say which: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
		{ echo "Python's venv module is missing; on Debian: apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements/dev.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(VENV)/.ready ## three simulated jigs, 24 hubs, from work order to MQTT
	$(BIN)/reflash demo

# What the modules are compiled to is made beforehand and kept, whatever this shell says: each of the workers, and of
# the hundreds of programs that the tests start, would compile them anew; so is hypothesis' table of all characters. What
# is run as they are imported is measured here, once for all workers.
test: export PYTHONDONTWRITEBYTECODE =
test: $(VENV)/.ready ## the test suite, with its coverage floor
	@command -v mosquitto >/dev/null || [ -x /usr/sbin/mosquitto ] || \
		echo "mosquitto is not installed, its tests will be skipped: make system-packages"
	$(BIN)/coverage erase
	@$(BIN)/python -c 'from hypothesis.strategies import text; text().validate()' & \
		$(BIN)/coverage run -m pytest --collect-only --quiet tests/station >/dev/null & \
		$(BIN)/coverage run -m pytest --collect-only --quiet --ignore tests/station >/dev/null; wait
	$(BIN)/coverage run -m pytest -n auto --dist worksteal
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

test-proofs: $(VENV)/.ready ## short forms of the long proofs and benchmarks: faults, deaths at any point, chaos (some minutes)
	$(BIN)/python -m pytest -m proofs -n 4 --dist worksteal tests/chaos tests/benchmarks tests/drivers/test_smp_lossy_line.py \
		tests/drivers/test_smp_conformance.py tests/drivers/dfu/test_dfu_conformance.py \
		tests/station/cli/test_wrong_files.py tests/station/test_demo.py

test-usb: $(VENV)/.ready ## USB hubs and driver on a real kernel, in qemu (some minutes)
	$(BIN)/python -m pytest -m usb tests/usb_kernel

test-machine: deb ## a bench PC from bare Debian to its purge, in qemu with systemd (ten minutes, as root)
	PYTHONPATH=tests/chaos $(BIN)/python -m pytest -m machine tests/machine

test-package: deb ## the package and dpkg alone, on Debian without a kernel (two minutes, as root)
	PYTHONPATH=tests/chaos $(BIN)/python -m pytest -m machine tests/machine/test_package.py

prove-machine: deb ## cut the power of that PC at random instants of a shift: SEED=7 CUTS=20 (an hour, as root)
	PYTHONPATH=tests:tests/chaos $(BIN)/python tests/machine/run_cuts.py \
		"$$(ls -t dist/reflash-station_*.deb | head -n 1)" --seed $(SEED) --cuts $(CUTS)

# Programs that judge us bring dependencies of their own, which the station's environment is spared.
$(VENV)/judges/.ready: requirements/judges.txt $(VENV)/.ready
	$(PYTHON) -m venv $(VENV)/judges
	$(VENV)/judges/bin/python -m pip install --quiet --require-hashes --requirement requirements/judges.txt
	@touch $@

test-judges: $(VENV)/judges/.ready ## hubs, publisher and the screen's API against what nobody here wrote (two minutes)
	$(BIN)/python -m pytest -m judges -n 2 --dist loadfile tests/simulators/test_foreign_clients.py \
		tests/station/publishing/test_foreign_brokers.py tests/station/screen/test_api_judged.py

# axe-core, which judges pages, as a package brings it along that would drive another browser: that file alone is used.
$(VENV)/axe/.ready: requirements/axe.txt $(VENV)/.ready
	$(BIN)/python -m pip install --quiet --no-deps --require-hashes --upgrade --target $(VENV)/axe --requirement requirements/axe.txt
	@touch $@

test-browser: $(VENV)/axe/.ready ## a whole shift in chromium, before a real daemon; keeps its pictures in build/screenshots (two minutes)
	AXE=$(VENV)/axe/axe_playwright_python/axe.min.js SCREENSHOTS=build/screenshots timeout 900 $(BIN)/python -m pytest -m browser tests/browser

check: $(VENV)/.ready ## lint, format, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.ready ## let ruff format and fix what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.ready ## measure, and write docs/performance.md
	$(BIN)/python -m benchmarks all

guard: $(VENV)/.ready ## count the calls and system calls of a chunk and a hub, against benchmarks/calls.json (a minute)
	$(BIN)/python -m benchmarks calls

chaos: $(VENV)/.ready ## kill daemon and broker at random, compare the books: SEED=7 KILLS=50 TRANSPORT=mixed BOARDS=mixed
	$(PROOF)/run_chaos.py --seed $(SEED) --kills $(KILLS) --transport $(TRANSPORT) --boards $(BOARDS)

hands: $(VENV)/.ready ## hands, desk, board and death at the awaits of attempts: SEED=7 SCENARIOS=200
	$(PROOF)/run_interleavings.py --seed $(SEED) --scenarios $(SCENARIOS)

crashes: $(VENV)/.ready ## die at every point of an attempt, and anywhere: SEED=7
	$(PROOF)/run_crashes.py --seed $(SEED)

matrix: $(VENV)/.ready ## every fault at every stage, against docs/reliability.md
	$(PROOF)/run_matrix.py

soak: $(VENV)/.ready ## 2,000 hubs with realistic faults, and a daemon that stays small: SEED=7 TRANSPORT=mixed
	$(PROOF)/run_soak.py --seed $(SEED) --transport $(TRANSPORT) --boards $(BOARDS)

packing: $(VENV)/.ready ## pack 10,000 scans with mix-ups while the station is killed: SEED=7 SCANS=10000
	$(PROOF)/run_packing.py --seed $(SEED) --scans $(SCANS)

shift: $(VENV)/.ready ## hours of 24 slots and people whose hands take time, against reflash capacity: SEED=7 HOURS=2 SCALE=30 PEOPLE=1 HANDS=20 LOADING=continuous
	$(PROOF)/run_shift.py --seed $(SEED) --hours $(HOURS) --scale $(SCALE) --people $(PEOPLE) --hands $(HANDS) --loading $(LOADING)

kills: $(VENV)/.ready ## kill the inventory's workers, database, broker and upstream: SEED=7 HUBS=20000 KILLS_UPSTREAM=1000
	$(PROOF)/run_inventory.py --seed $(SEED) --hubs $(HUBS) --kills $(KILLS_UPSTREAM)

fleet: $(VENV)/.ready ## ten stations at three sites, one broker, one inventory, some of which die: SEED=7 RATE=300 STEADY=300 DATABASES="sqlite postgresql"
	@set -e; for database in $(DATABASES); do \
		$(PROOF)/run_fleet.py --seed $(SEED) --rate $(RATE) --seconds $(STEADY) --database $$database; done

sit: $(VENV)/.ready ## the system test of the impact assessment's 7.2.2, and Option A beside it; writes docs/system-test.md
	PYTHONPATH=tests $(BIN)/python tests/sit/run_sit.py $(if $(PAGE),--page $(PAGE))

prove: $(VENV)/.ready ## all proofs in their long forms, an hour; goes on where it was broken off; writes docs/reliability.md: SEED=7
	$(PROOF)/run_proof.py --seed $(SEED)

mutants: $(VENV)/.ready ## spoil the code on purpose, one thing at a time: a test must mind; ONLY=visit for some
	$(BIN)/python tests/mutants/run_mutants.py --only "$(ONLY)"

fuzz: $(VENV)/.ready ## a million hostile inputs to each own parser; FUZZ="--targets mcuboot --seed 1" for less
	@$(BIN)/python -c 'import atheris' 2>/dev/null || $(BIN)/python -m pip install --quiet atheris==3.0.0 || \
		echo "atheris does not install here: the inputs are changed seeds, not guided by coverage"
	PYTHONPATH=tests $(BIN)/python tests/fuzz/campaign.py $(FUZZ)

# Tools with many dependencies of their own, which the station's environment is spared.
$(VENV)/audit/.ready: $(VENV)/.ready
	$(PYTHON) -m venv $(VENV)/audit
	$(VENV)/audit/bin/python -m pip install --quiet cyclonedx-bom==7.5.0 pip-audit==2.10.1
	@touch $@

audit: $(VENV)/audit/.ready dist/requirements.txt ## compare the pinned dependencies with the known advisories (asks an online service)
	$(BIN)/python -m pip check
	$(VENV)/audit/bin/pip-audit --strict --disable-pip --require-hashes --requirement dist/requirements.txt

sbom: $(VENV)/audit/.ready dist/requirements.txt ## the bill of materials of what is installed on a bench: dist/reflash-sbom.json
	$(VENV)/audit/bin/cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible \
		--output-file dist/reflash-sbom.json dist/requirements.txt

lock: $(VENV)/.ready ## resolve the dependencies anew into requirements/
	$(BIN)/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe --no-header --extra hsm --extra papers \
		--no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-emit-options \
		--output-file requirements/runtime.txt pyproject.toml
	$(BIN)/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe --no-header --extra screen \
		--no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-emit-options \
		--output-file requirements/screen.txt pyproject.toml
	$(BIN)/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe --no-header --extra inventory \
		--no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-emit-options \
		--output-file requirements/inventory.txt pyproject.toml
	$(BIN)/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe --no-header --extra hsm --extra papers --extra screen --extra inventory --extra bench --extra dev \
		--no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-emit-options \
		--output-file requirements/dev.txt pyproject.toml
	$(BIN)/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe --no-header \
		--no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-emit-options \
		--output-file requirements/judges.txt requirements/judges.in

# Whatever runs on a bench PC, each package once: what the files agree on stands in several of them.
dist/requirements.txt: requirements/runtime.txt requirements/screen.txt requirements/inventory.txt
	@mkdir -p dist
	awk '/^[a-z0-9]/ { first = !seen[$$1]++ } first' $^ > $@

bundle: $(VENV)/.ready dist/requirements.txt sbom ## an offline wheelhouse: dist/reflash-bundle.tar.gz
	rm -rf dist/bundle
	$(BIN)/python -m build --wheel --no-isolation --outdir dist/bundle .
	$(BIN)/python -m pip wheel --quiet --require-hashes --requirement dist/requirements.txt --wheel-dir dist/bundle
	cd dist/bundle && sha256sum *.whl > SHA256SUMS
	grep -oE "^[a-z0-9_.-]+==[^ ]+" dist/requirements.txt > dist/bundle/packages.txt
	cp deploy/install.sh dist/reflash-sbom.json dist/bundle/
	cp -r --parents $(DOCUMENTS) dist/bundle/
	tar --create --gzip --file dist/reflash-bundle.tar.gz --directory dist/bundle .
	@echo "dist/reflash-bundle.tar.gz: copy it to the bench PC, unpack it, run ./install.sh /opt/reflash/venv"

deb: bundle ## a package for Debian 12, which needs no network to be installed: dist/reflash-station_*.deb
	deploy/debian/build dist/bundle dist

system-packages: ## what the tests need from Debian (apt, as root)
	apt-get update
	DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends $(SYSTEM_PACKAGES)

clean: ## remove the environment and caches
	rm -rf $(VENV) .coverage* .mypy_cache .pytest_cache .ruff_cache .hypothesis .schemathesis .import_linter_cache dist build
