# SPDX-License-Identifier: GPL-2.0-or-later
# make, make demo, make check, make install; V=1 shows the commands, SANITIZE=1 builds with ASan+UBSan
# into build-sanitize. README.md has the rest.

PREFIX ?= /usr/local
LIBEXECDIR ?= $(PREFIX)/libexec
DATADIR ?= $(PREFIX)/share
SYSCONFDIR ?= /etc
MANDIR ?= $(DATADIR)/man
HOOKSDIR ?= /usr/share/containers/oci/hooks.d
PKG_CONFIG ?= pkg-config
CFLAGS ?= -O2 -g

VERSION := 0.1.0
PACKAGES := yajl

comma := ,
# FUZZ=1 builds for libFuzzer into build-fuzz, FUZZ=coverage what tells how much a corpus reaches.
ifdef FUZZ
CC := clang
endif
BUILD := build$(if $(SANITIZE),-sanitize)$(patsubst -1,-fuzz,$(addprefix -,$(FUZZ)))
SANITIZERS := $(if $(SANITIZE)$(filter 1,$(FUZZ)),-fsanitize=address$(comma)undefined -fno-omit-frame-pointer \
	-fno-sanitize-recover=all) $(if $(FUZZ),-fsanitize=fuzzer-no-link) \
	$(if $(filter coverage,$(FUZZ)),-fprofile-instr-generate -fcoverage-mapping)
Q := $(if $(V),,@)

OUR_CPPFLAGS := -D_GNU_SOURCE -DVERSION='"$(VERSION)"' -Ihook -I$(BUILD) \
	$(if $(SANITIZE)$(FUZZ),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
OUR_CFLAGS := -std=gnu11 -fPIE -fstack-protector-strong -Wall -Wextra -Wshadow -Wformat=2 -Wvla \
	-Wstrict-prototypes -Wmissing-prototypes -Wundef -Wno-missing-field-initializers \
	$(if $(FUZZ),-Wno-format-nonliteral) \
	$(SANITIZERS) $(shell $(PKG_CONFIG) --cflags $(PACKAGES) 2>/dev/null)
OUR_LDFLAGS := -pie -Wl,-z,relro,-z,now -Wl,--as-needed $(SANITIZERS)
LIBS := $(shell $(PKG_CONFIG) --libs $(PACKAGES) 2>/dev/null)
# Linked in where it can be: to find and load it at each start costs more than using it.
YAJL := $(filter /%,$(shell $(CC) -print-file-name=libyajl_s.a))
LIBS := $(if $(YAJL),$(patsubst -lyajl,$(YAJL),$(LIBS)),$(LIBS))

# A heap of our own wherever libc is not glibc: the process that reads strangers' strings (kernel/sealed.h)
# can ask the kernel for no memory, and only glibc's can be told so.
IS_GLIBC := $(filter-out __GLIBC__,$(shell echo __GLIBC__ | $(CC) -include features.h -E -P -x c - 2>/dev/null | tail -n 1))
SOURCES := $(sort $(filter-out $(if $(IS_GLIBC),hook/libc/replace.c),$(wildcard hook/*.c hook/*/*.c)))
OBJECTS := $(SOURCES:%.c=$(BUILD)/%.o)
TESTS := $(patsubst tests/%.c,$(BUILD)/tests/%,$(sort $(wildcard tests/test_*.c)))
FUZZERS := $(patsubst tests/fuzz/%.c,build-fuzz/%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
TOOLS := $(patsubst tests/tools/%.c,$(BUILD)/tests/%,$(sort $(wildcard tests/tools/*.c))) \
	$(if $(SANITIZE),,$(BUILD)/tests/oom/oci-network-hook)

# The hook itself is linked statically where that can be: to load libc is a fifth of a set-up. What
# wants libraries of the host is a program of its own (hook/firewall/apart.c). STATIC= for the other.
# With musl where it is installed: glibc's own start costs another fifth, asking the processor for its
# features, where that is a virtual one. MUSL= for glibc.
CAN_BE_STATIC := $(and $(filter /%,$(shell $(CC) -print-file-name=rcrt1.o)),$(filter /%,$(shell $(CC) -print-file-name=libc.a)),$(YAJL))
STATIC ?= $(if $(SANITIZE)$(FUZZ),,$(CAN_BE_STATIC))
# One mapping for code and constants, not three: each costs a few us at the start, the fork and the end.
HOOK_LDFLAGS := $(if $(STATIC),$(patsubst -pie,-static-pie,$(OUR_LDFLAGS)),$(OUR_LDFLAGS)) \
	$(if $(SANITIZE)$(FUZZ),,-Wl$(comma)-z$(comma)noseparate-code)

MACHINE := $(shell uname -m)
MUSL_DIR := /usr/lib/$(MACHINE)-linux-musl
MUSL ?= $(if $(wildcard $(MUSL_DIR)/rcrt1.o),$(shell command -v musl-gcc))
MUSL_CC := $(MUSL) -idirafter /usr/include -idirafter /usr/include/$(MACHINE)-linux-gnu
STATIC_OBJECTS := $(sort $(SOURCES:%.c=$(BUILD)/static/%.o) $(BUILD)/static/hook/libc/replace.o)
GCC_FILE = $(shell $(CC) -print-file-name=$(1))

PROGRAM_OBJECTS := $(patsubst %.c,$(BUILD)/%.o,$(sort $(wildcard hook/firewall/program/*.c)))

all: $(BUILD)/oci-network-hook $(BUILD)/oci-network-hook-firewall

ifeq ($(and $(STATIC),$(MUSL)),)
$(BUILD)/oci-network-hook: $(BUILD)/hook/main.o $(BUILD)/libhook.a
	@echo "  LINK  $@"
	$(Q)$(CC) $(CFLAGS) $(OUR_CFLAGS) $(LDFLAGS) $(HOOK_LDFLAGS) -o $@ $^ $(LIBS)
else
$(BUILD)/oci-network-hook: $(STATIC_OBJECTS)
	@echo "  LINK  $@"
	$(Q)$(CC) $(CFLAGS) $(OUR_CFLAGS) $(LDFLAGS) $(HOOK_LDFLAGS) -nostdlib -o $@ \
		$(MUSL_DIR)/rcrt1.o $(MUSL_DIR)/crti.o $(call GCC_FILE,crtbeginS.o) $^ $(YAJL) \
		-L$(MUSL_DIR) -Wl,--start-group -lc -lgcc -Wl,--end-group $(call GCC_FILE,crtendS.o) $(MUSL_DIR)/crtn.o
endif

$(BUILD)/oci-network-hook-firewall: $(PROGRAM_OBJECTS) $(BUILD)/libhook.a
	@echo "  LINK  $@"
	$(Q)$(CC) $(CFLAGS) $(OUR_CFLAGS) $(LDFLAGS) $(OUR_LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/libhook.a: $(filter-out %/main.o,$(OBJECTS))
	$(Q)rm -f $@ && $(AR) qcs $@ $^

$(BUILD)/oci-network.conflist.h: config/oci-network.conflist
	@mkdir -p $(@D)
	$(Q){ echo 'static const char oci_network_conflist[] ='; \
		sed 's/\\/\\\\/g; s/"/\\"/g; s/^/"/; s/$$/\\n"/' $<; echo ';'; } >$@

# What memcpy() is must not be made a call of memcpy().
$(BUILD)/hook/libc/bytes.o $(BUILD)/static/hook/libc/bytes.o: OUR_CFLAGS += -fno-builtin \
	$(if $(findstring clang,$(CC)),,-fno-tree-loop-distribute-patterns)

# Compiled with glibc for `make lint` only, whose own checked functions would call themselves there.
$(BUILD)/hook/libc/replace.o: OUR_CPPFLAGS += -U_FORTIFY_SOURCE

$(BUILD)/hook/default_network.o $(BUILD)/static/hook/default_network.o: $(BUILD)/oci-network.conflist.h

$(BUILD)/static/%.o: %.c Makefile
	@echo "  CC    $< (static)"
	@mkdir -p $(@D)
	$(Q)$(MUSL_CC) $(CPPFLAGS) $(OUR_CPPFLAGS) $(CFLAGS) $(OUR_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/%.o: %.c Makefile
	@echo "  CC    $<"
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(OUR_CPPFLAGS) $(CFLAGS) $(OUR_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/tests/test_%: $(BUILD)/tests/test_%.o $(BUILD)/libhook.a
	@echo "  LINK  $@"
	$(Q)$(CC) $(CFLAGS) $(OUR_CFLAGS) $(LDFLAGS) $(OUR_LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/tests/test_firewalld: LIBS += -lsystemd

# The program with a malloc() that fails once.
$(BUILD)/tests/oom/oci-network-hook: $(BUILD)/hook/main.o $(BUILD)/tests/oom/failalloc.o $(BUILD)/libhook.a
	@echo "  LINK  $@"
	$(Q)$(CC) $(CFLAGS) $(OUR_CFLAGS) $(LDFLAGS) $(OUR_LDFLAGS) -o $@ $^ $(LIBS)

# build-fuzz/fuzz_NAME from tests/fuzz/fuzz_NAME.c
$(BUILD)/fuzz_%: $(BUILD)/tests/fuzz/fuzz_%.o $(BUILD)/libhook.a
	@echo "  LINK  $@"
	$(Q)$(CC) $(CFLAGS) $(OUR_CFLAGS) $(LDFLAGS) $(OUR_LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(LIBS)

$(BUILD)/tests/%: $(BUILD)/tests/tools/%.o $(BUILD)/libhook.a
	@echo "  LINK  $@"
	$(Q)$(CC) $(CFLAGS) $(OUR_CFLAGS) $(LDFLAGS) $(OUR_LDFLAGS) -o $@ $^ $(LIBS)

# These look for the program of their backends beside themselves, as the hook does.
$(BUILD)/tests/firewall $(BUILD)/tests/test_iptables $(BUILD)/tests/test_firewalld: | $(BUILD)/tests/oci-network-hook-firewall
$(BUILD)/tests/oci-network-hook-firewall: $(BUILD)/oci-network-hook-firewall
	@mkdir -p $(@D)
	$(Q)ln -sfn ../oci-network-hook-firewall $@

# ---- tests ----

# JOBS=N: so many test files side by side, else one more than there are processors.
RUN := HOOK=$(CURDIR)/$(BUILD)/oci-network-hook KILLAT=$(CURDIR)/$(BUILD)/tests/killat tests/run $(if $(JOBS),--jobs $(JOBS))
BATS := $(sort $(wildcard tests/*.bats tests/net/*.bats tests/runtime/*.bats))

# What the tests run. A program under ptrace cannot look for leaks: ASan has it off there.
FOR_TESTS := HOOK=$(abspath $(BUILD)/oci-network-hook) KILLAT=$(abspath $(BUILD)/tests/killat)

# What is installed first may be what the rest of this file asks pkg-config for: hence a make of its own.
# It builds on all processors, unless it was said how many; the tests have their own idea of that.
ON_ALL = $(if $(findstring -j,$(MAKEFLAGS)),,-j $(shell nproc))

check: deps-check pasta
	$(Q)$(MAKE) --no-print-directory $(ON_ALL) built
	$(Q)$(MAKE) --no-print-directory check-built

check-all: deps-check pasta
	$(Q)$(MAKE) --no-print-directory $(ON_ALL) built
	$(Q)$(MAKE) --no-print-directory check-built RUN_FLAGS=--all
	$(Q)$(MAKE) --no-print-directory check-vm

# What this machine's kernel may lack, on Debian's. 77: why there can be no VM has been said. A processor
# that is emulated takes longer over one of CNI's executables than the hook usually waits.
check-vm: built
	$(Q)tests/vm env HOOK_TIMEOUT=120s $(RUN) $(BUILD)/tests/test_bridge_vlan tests/net/bridge.bats tests/net/builtin.bats tests/net/other-plugins.bats || test $$? = 77

built: all $(TESTS) $(TOOLS) fuzz-build

check-built: built
	$(Q)$(RUN) $(RUN_FLAGS) $(TESTS) $(BATS) $(FUZZERS)

# Debian 12's repeats data, so its tests take a later one.
pasta:
	$(Q)tests/get-pasta build/pasta

check-unit: $(TESTS)
	$(Q)$(RUN) $(TESTS)

check-net: all $(TOOLS)
	$(Q)$(RUN) $(sort $(wildcard tests/*.bats tests/net/*.bats))

check-runtime: all $(TOOLS) pasta
	$(Q)$(RUN) $(sort $(wildcard tests/runtime/*.bats))

# One libFuzzer target per parser: `make check` has each look for FUZZ_SECONDS (60) beyond its corpus.
fuzz-build:
	$(Q)command -v clang >/dev/null || exit 0; $(MAKE) --no-print-directory FUZZ=1 $(FUZZERS)

fuzz: deps-check
	$(Q)$(MAKE) --no-print-directory fuzz-build
	$(Q)FUZZ_SECONDS=$(or $(FUZZ_SECONDS),600) tests/run $(FUZZERS)

# How much of each parser's file its corpus reaches.
fuzz-coverage: deps-check
	$(Q)$(MAKE) --no-print-directory FUZZ=coverage $(FUZZERS:build-fuzz/%=build-coverage/%)
	$(Q)tests/fuzz/coverage

# The tests tested: what share of N planted bugs does a fast part of them find? SEED=S plants others.
MUTANTS ?= 60
mutate: deps-check
	$(Q)tests/mutate --mutants $(MUTANTS) $(if $(SEED),--seed $(SEED))

# Lines and branches of hook/ that the unit tests reach, and the bats files named: COVERAGE=all is all of them.
COVERAGE_BATS := $(if $(filter all,$(COVERAGE)),$(BATS),$(COVERAGE))

coverage: deps-check
	$(Q)tests/deps gcovr
	$(Q)tests/coverage $(COVERAGE_BATS)

demo: deps-demo
	$(Q)$(MAKE) --no-print-directory $(ON_ALL) all
	$(Q)tests/host tests/demo

# What adding and removing a container's rules costs, and how that grows; on a quiet machine, please.
bench-firewall: deps-check
	$(Q)$(MAKE) --no-print-directory all $(BUILD)/tests/firewall
	$(Q)FIREWALL=$(CURDIR)/$(BUILD)/tests/firewall tests/host tests/bench/firewall

# What one container's network costs, beside CNI's executables, netavark and a program that does the
# least that can be done. FLOOR_CC: musl's programs start fastest, where there is a musl.
FLOOR_CC := $(if $(MUSL),$(MUSL_CC),$(CC))
BENCH_CFLAGS := -D_GNU_SOURCE -O2 -static $(filter-out -fPIE $(SANITIZERS),$(OUR_CFLAGS))

$(BUILD)/bench/floor: tests/bench/floor.c
	@mkdir -p $(@D)
	$(Q)$(FLOOR_CC) $(BENCH_CFLAGS) -o $@ $<
	$(Q)echo $(if $(MUSL),musl,glibc) >$(BUILD)/bench/floor.libc

$(BUILD)/bench/measure: tests/bench/measure.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(BENCH_CFLAGS) -o $@ $<

bench: bench-hook
	$(Q)$(MAKE) --no-print-directory bench-firewall

bench-hook: deps-check
	$(Q)tests/deps strace || echo "strace: not installed"
	$(Q)$(MAKE) --no-print-directory all $(BUILD)/bench/floor $(BUILD)/bench/measure
	$(Q)tests/bench/get-netavark $(BUILD)/bench/netavark
	$(Q)HOOK=$(CURDIR)/$(BUILD)/oci-network-hook BENCH_DIR=$(CURDIR)/$(BUILD)/bench tests/host tests/bench/hook

# ---- lint ----

C_FILES := $(sort $(wildcard hook/*.[ch] hook/*/*.[ch] hook/*/*/*.[ch] tests/*.[ch] tests/tools/*.[ch] tests/fuzz/*.[ch] tests/oom/*.c))
BASH_FILES := $(sort $(shell grep -lE '^#!(/usr)?/bin/(env )?(ba|)sh|^#!/usr/bin/env bats|^# shellcheck shell=' \
	.ci/* config/* tests/* tests/*/* 2>/dev/null))
TIDIED := $(patsubst %.c,$(BUILD)/lint/%,$(filter %.c,$(C_FILES)))

lint: $(TIDIED)
	$(Q)clang-format --dry-run --Werror $(C_FILES)
	$(Q)cppcheck --quiet --std=c11 --enable=warning,performance,portability --inline-suppr \
		--error-exitcode=1 -D_GNU_SOURCE -D__x86_64__ -DVERSION='""' -Ihook -I$(BUILD) hook tests
	$(Q)tests/banned $(filter hook/%.c,$(C_FILES))
	$(Q)shellcheck $(BASH_FILES)
	$(Q)mandoc -T lint -W warning hook/oci-network-hook.8 config/oci-network-hook.conf.5

# A file again only when it, or what it includes, has changed.
$(BUILD)/lint/%: $(BUILD)/%.o .clang-tidy
	@echo "  TIDY  $*.c"
	@mkdir -p $(@D)
	$(Q)clang-tidy --quiet $*.c -- -std=gnu11 $(OUR_CPPFLAGS) \
		$(shell $(PKG_CONFIG) --cflags $(PACKAGES) 2>/dev/null) 2>$@.log || { cat $@.log; false; }
	@mv $@.log $@

# ---- what is needed, by Debian's names ----

DEBS_BUILD := gcc libc6-dev musl-tools pkg-config libyajl-dev libsystemd-dev libiptc-dev \
	libip4tc-dev libip6tc-dev
DEBS_DEMO := crun runc nftables iproute2 busybox-static jq util-linux
# Where there is systemd, Debian starts firewalld when it is installed, and with that changes the
# machine's own firewall: there it is for its owner to install, and its tests are skipped without it.
DEBS_FIREWALLD := $(if $(wildcard /run/systemd/system),,firewalld dbus-daemon dbus-bin)
DEBS_CHECK := podman conmon bats containernetworking-plugins iptables ebtables ipset bridge-utils ethtool procps uuid-runtime \
	conntrack python3 socat strace faketime slirp4netns passt uidmap clang llvm libclang-rt-14-dev \
	$(DEBS_FIREWALLD)
DEBS_LINT := clang-format clang-tidy cppcheck shellcheck mandoc

deps: deps-check
	$(Q)tests/deps $(DEBS_LINT)

deps-demo:
	$(Q)tests/deps $(DEBS_BUILD) $(DEBS_DEMO)

deps-check:
	$(Q)tests/deps $(DEBS_BUILD) $(DEBS_DEMO) $(DEBS_CHECK)

# ---- install ----

HOOKDIR := $(LIBEXECDIR)/oci/hooks.d
UNITDIR := $(PREFIX)/lib/systemd/system
COMPLETIONDIR := $(DATADIR)/bash-completion/completions
SERVICES := oci-network-hook-gc.service oci-network-hook-reload.service oci-network-hook-firewalld.service
HOOKS := oci-network-hook-setup.json oci-network-hook-teardown.json
CONF := $(DESTDIR)$(SYSCONFDIR)/oci-network-hook.conf

install: all
	install -D -m 755 $(BUILD)/oci-network-hook $(DESTDIR)$(HOOKDIR)/oci-network-hook
	install -m 755 $(BUILD)/oci-network-hook-firewall $(DESTDIR)$(HOOKDIR)/oci-network-hook-firewall
	install -d $(DESTDIR)$(PREFIX)/bin
	ln -sfn $(HOOKDIR)/oci-network-hook $(DESTDIR)$(PREFIX)/bin/oci-network-hook
	install -D -m 644 hook/oci-network-hook.8 $(DESTDIR)$(MANDIR)/man8/oci-network-hook.8
	install -D -m 644 config/oci-network-hook.conf.5 $(DESTDIR)$(MANDIR)/man5/oci-network-hook.conf.5
	test -e $(CONF) || install -D -m 644 config/oci-network-hook.conf $(CONF)
	install -D -m 644 config/oci-network-hook.bash-completion $(DESTDIR)$(COMPLETIONDIR)/oci-network-hook
	install -D -m 644 config/oci-network-hook-gc.timer $(DESTDIR)$(UNITDIR)/oci-network-hook-gc.timer
	for u in $(SERVICES); do sed 's|@LIBEXECDIR@|$(LIBEXECDIR)|g' config/$$u.in >$(DESTDIR)$(UNITDIR)/$$u && \
		chmod 644 $(DESTDIR)$(UNITDIR)/$$u || exit; done
	install -D -m 755 config/watch-firewalld $(DESTDIR)$(LIBEXECDIR)/oci-network-hook/watch-firewalld
	install -d $(DESTDIR)$(HOOKSDIR)
	for h in $(HOOKS); do sed 's|@LIBEXECDIR@|$(LIBEXECDIR)|' hooks.d/$$h.in \
		>$(DESTDIR)$(HOOKSDIR)/$$h && chmod 644 $(DESTDIR)$(HOOKSDIR)/$$h || exit; done

# The built-in plugins for other runtimes, by their names, where these look for plugins.
CNIDIR ?= /opt/cni/bin
CNI_PLUGINS := bridge host-local static loopback portmap firewall tuning

install-cni: install
	install -d $(DESTDIR)$(CNIDIR)
	for p in $(CNI_PLUGINS); do ln -sfn $(HOOKDIR)/oci-network-hook $(DESTDIR)$(CNIDIR)/$$p || exit; done

# Only links that are ours.
uninstall-cni:
	for p in $(CNI_PLUGINS); do \
		test "$$(readlink $(DESTDIR)$(CNIDIR)/$$p)" != $(HOOKDIR)/oci-network-hook || rm $(DESTDIR)$(CNIDIR)/$$p; done

# The hooks.d files first: podman skips one whose program is missing, and starts without a network.
# A configuration file that was changed stays.
uninstall:
	for h in $(HOOKS); do rm -f $(DESTDIR)$(HOOKSDIR)/$$h; done
	rm -f $(DESTDIR)$(PREFIX)/bin/oci-network-hook $(DESTDIR)$(HOOKDIR)/oci-network-hook
	rm -f $(DESTDIR)$(HOOKDIR)/oci-network-hook-firewall
	rm -f $(DESTDIR)$(MANDIR)/man8/oci-network-hook.8 $(DESTDIR)$(MANDIR)/man5/oci-network-hook.conf.5
	rm -f $(DESTDIR)$(COMPLETIONDIR)/oci-network-hook
	rm -f $(DESTDIR)$(UNITDIR)/oci-network-hook-gc.timer $(addprefix $(DESTDIR)$(UNITDIR)/,$(SERVICES))
	rm -f $(DESTDIR)$(LIBEXECDIR)/oci-network-hook/watch-firewalld
	! test -d $(DESTDIR)$(LIBEXECDIR)/oci-network-hook || rmdir $(DESTDIR)$(LIBEXECDIR)/oci-network-hook
	! cmp -s config/oci-network-hook.conf $(CONF) || rm -f $(CONF)

clean:
	rm -rf build build-sanitize build-fuzz build-coverage build-gcov

.PHONY: all pasta check check-all check-vm built check-built fuzz fuzz-build fuzz-coverage check-unit check-net check-runtime bench bench-hook bench-firewall mutate coverage demo lint deps deps-demo deps-check \
	install install-cni uninstall uninstall-cni clean
.SECONDARY:
-include $(shell find build build-sanitize build-fuzz build-coverage -name '*.d' 2>/dev/null)
