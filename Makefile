# SPDX-License-Identifier: GPL-2.0-or-later
# make, make demo, make check, make install; V=1 shows the commands, SANITIZE=1 builds with ASan+UBSan.

PREFIX ?= /usr/local
LIBEXECDIR ?= $(PREFIX)/libexec
DATADIR ?= $(PREFIX)/share
SYSCONFDIR ?= /etc
MANDIR ?= $(DATADIR)/man
HOOKSDIR ?= /usr/share/containers/oci/hooks.d
PKG_CONFIG ?= pkg-config
CFLAGS ?= -O2 -g

VERSION := 0.1.0
PACKAGES := yajl libnl-3.0 libnl-route-3.0

BUILD := build$(if $(SANITIZE),-sanitize)
SANITIZERS := $(if $(SANITIZE),-fsanitize=address$(comma)undefined -fno-omit-frame-pointer -fno-sanitize-recover=all)
comma := ,
Q := $(if $(V),,@)

OUR_CPPFLAGS := -D_GNU_SOURCE -DVERSION='"$(VERSION)"' -Ihook -I$(BUILD) \
	$(if $(SANITIZE),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
OUR_CFLAGS := -std=gnu11 -fPIE -fstack-protector-strong -Wall -Wextra -Wshadow -Wformat=2 -Wvla \
	-Wstrict-prototypes -Wmissing-prototypes -Wundef -Wno-missing-field-initializers \
	$(SANITIZERS) $(shell $(PKG_CONFIG) --cflags $(PACKAGES))
OUR_LDFLAGS := -pie -Wl,-z,relro,-z,now -Wl,--as-needed $(SANITIZERS)
LIBS := $(shell $(PKG_CONFIG) --libs $(PACKAGES))

SOURCES := $(sort $(wildcard hook/*.c hook/*/*.c))
OBJECTS := $(SOURCES:%.c=$(BUILD)/%.o)
TESTS := $(patsubst tests/%.c,$(BUILD)/tests/%,$(sort $(wildcard tests/test_*.c)))
TOOLS := $(patsubst tests/tools/%.c,$(BUILD)/tests/%,$(sort $(wildcard tests/tools/*.c)))

all: $(BUILD)/oci-network-hook

$(BUILD)/oci-network-hook: $(BUILD)/hook/main.o $(BUILD)/libhook.a
	@echo "  LINK  $@"
	$(Q)$(CC) $(CFLAGS) $(OUR_CFLAGS) $(LDFLAGS) $(OUR_LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/libhook.a: $(filter-out %/main.o,$(OBJECTS))
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/%.o: %.c Makefile
	@echo "  CC    $<"
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(OUR_CPPFLAGS) $(CFLAGS) $(OUR_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/tests/test_%: $(BUILD)/tests/test_%.o $(BUILD)/libhook.a
	@echo "  LINK  $@"
	$(Q)$(CC) $(CFLAGS) $(OUR_CFLAGS) $(LDFLAGS) $(OUR_LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/tests/%: $(BUILD)/tests/tools/%.o $(BUILD)/libhook.a
	@echo "  LINK  $@"
	$(Q)$(CC) $(CFLAGS) $(OUR_CFLAGS) $(LDFLAGS) $(OUR_LDFLAGS) -o $@ $^ $(LIBS)

check-unit: $(TESTS)
	$(Q)for t in $(TESTS); do $$t || exit; done

clean:
	rm -rf build build-sanitize

.PHONY: all check-unit clean
.SECONDARY:
-include $(shell find build build-sanitize -name '*.d' 2>/dev/null)
