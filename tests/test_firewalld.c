/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The backend firewalld, by its program, with a firewalld that only writes down what it is asked
 * and answers what it is told to; the rest is nftables' in a network namespace of this test. */
#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>

#include "base/auto.h"
#include "check.h"
#include "firewall/firewall.h"
#include "own_net.h"
#include "scratch.h"

#define BUS "/run/dbus/system_bus_socket"
#define ERROR "org.fedoraproject.FirewallD1.Exception"

/* ---- the other end of the bus ---- */

static void write_down(const char *member, const char *zone, const char *source)
{
	FILE *file = fopen(scratch_path("calls"), "ae");

	if (!file)
		abort();
	fprintf(file, "%s %s %s\n", member, zone, source);
	fclose(file);
}

/* What stands in the file of this name, or of this name and source: "no", or NAME MESSAGE of an
 * error. Nothing: yes. */
static const char *told(const char *member, const char *source)
{
	auto_free char *name = mem_format("%s.%.*s", member, (int)strcspn(source, "/"), source);
	const char *text = scratch_read(name);

	return *text ? text : scratch_read(member);
}

static int answer(sd_bus_message *message, const char *how)
{
	size_t len = strcspn(how, " ");
	auto_free char *name = mem_copy_n(how, len);

	if (strcmp(how, "no") == 0)
		return sd_bus_reply_method_return(message, "b", false);
	if (*how)
		return sd_bus_reply_method_errorf(message, name, "%s", how + len + 1);
	return sd_bus_reply_method_return(message, "b", true);
}

static int on_message(sd_bus_message *message, void *data, sd_bus_error *error)
{
	const char *member = sd_bus_message_get_member(message), *zone = "", *source = "";

	(void)data, (void)error;
	if (!sd_bus_message_is_method_call(message, NULL, NULL))
		return 0;
	if (strcmp(member, "Hello") == 0)
		return sd_bus_reply_method_return(message, "s", ":1.1");
	if (strcmp(member, "NameHasOwner") == 0)
		sd_bus_message_read(message, "s", &zone);
	else
		sd_bus_message_read(message, "ss", &zone, &source);
	write_down(member, zone, source);
	return answer(message, told(member, source));
}

static void serve_one(int fd)
{
	const sd_id128_t id = { { 1 } };
	sd_bus *bus = NULL;
	int ret;

	if (sd_bus_new(&bus) < 0 || sd_bus_set_fd(bus, fd, fd) < 0 ||
	    sd_bus_set_server(bus, true, id) < 0 || sd_bus_start(bus) < 0 ||
	    sd_bus_add_filter(bus, NULL, on_message, NULL) < 0)
		_exit(1);
	do {
		ret = sd_bus_process(bus, NULL);
		if (ret == 0)
			ret = sd_bus_wait(bus, UINT64_MAX);
	} while (ret >= 0);
	sd_bus_flush_close_unref(bus);
}

/* Its process; the socket is there when this returns. */
static pid_t serve(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = BUS };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pid_t pid;

	if (mkdir("/run/dbus", 0755) < 0 ||
	    bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 8) < 0)
		abort();
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			serve_one(accept4(fd, NULL, NULL, SOCK_CLOEXEC));
	}
	close(fd);
	return pid;
}

/* ---- calls ---- */

static struct err err;
static const char *zone;

static struct firewall_settings settings(void)
{
	return (struct firewall_settings){ .firewalld_zone = zone,
					   .deadline = deadline_in_ms(30000) };
}

static void read_rules(const char *owner, const char *text, struct firewall_rules *ret_rules)
{
	auto_json struct json *json = NULL;

	err = (struct err){ 0 };
	if (json_parse(text, strlen(text), &json, &err) < 0 ||
	    rules_from_json(owner, json, ret_rules, &err) < 0)
		printf("# %s: %s\n", text, err.text);
}

static const char *replace(const char *owner, const char *text)
{
	auto_rules struct firewall_rules rules = { 0 };
	const struct firewall_settings how = settings();

	read_rules(owner, text, &rules);
	firewall_firewalld.replace(&rules, &how, &err);
	return err.text;
}

static const char *take_away(const char *owner, const char *text)
{
	auto_rules struct firewall_rules rules = { 0 };
	const struct firewall_settings how = settings();

	read_rules(owner, text ? text : "{}", &rules);
	firewall_firewalld.remove(owner, text ? &rules : NULL, &how, &err);
	return err.text;
}

static char said[1024];

static void note(void *data, const char *what)
{
	size_t len = strlen(said);

	(void)data;
	snprintf(said + len, sizeof(said) - len, "%s;", what);
}

static const char *missing(const char *owner, const char *text)
{
	auto_rules struct firewall_rules rules = { 0 };
	const struct firewall_settings how = settings();

	*said = '\0';
	read_rules(owner, text, &rules);
	firewall_firewalld.check(&rules, &how, note, NULL, &err);
	return err.code ? err.text : said;
}

static const char *calls(void)
{
	const char *text = scratch_read("calls");

	unlink(scratch_path("calls"));
	return text;
}

static void tell(const char *member, const char *how)
{
	scratch_write(member, how);
}

static bool nft_has(const char *pattern)
{
	return run_quietly("nft list ruleset | grep -e '%s'", pattern);
}

/* ---- what is asked, and what becomes of the answers ---- */

#define PORT                                                                                       \
	"{\"protocol\":\"tcp\",\"hostIP\":\"192.0.2.1\",\"hostPort\":80,\"address\":\"10.8.0.2\"," \
	"\"port\":80}"
static const char forwards[] = "{\"forwards\":[\"10.8.0.2\",\"fd08::2\"]}";
static const char every[] = "{\"forwards\":[\"10.8.0.2\",\"fd08::2\"],\"publishes\":[" PORT
			    ",{\"protocol\":\"tcp\",\"hostPort\":81,\"address\":\"fd08::3\","
			    "\"port\":80}],\"masquerades\":[\"10.8.0.4/24\",\"fd08::2/64\"]}";

#define EACH(member)                                                           \
	member " trusted 10.8.0.2/32\n" member " trusted fd08::2/128\n" member \
	       " trusted fd08::3/128\n" member " trusted 10.8.0.4/32\n"

static void test_life(void)
{
	TEST("each address is a source of the zone, once; the rest is nftables'")
	{
		CHECK_TEXT(replace("c1", every), "");
		CHECK_TEXT(calls(), EACH("addSource"));
		CHECK(nft_has("192.0.2.1 . tcp . 80 comment .c1"));
		CHECK(nft_has("10.8.0.4 comment .c1"));
		CHECK(!run_quietly("nft list set inet oci-network-hook forward4 | grep elements"));
		CHECK_TEXT(missing("c1", every), "");
		CHECK_TEXT(calls(), EACH("querySource"));
		tell("querySource.fd08::2", "no");
		tell("querySource.10.8.0.4", "no");
		CHECK(run_quietly("nft flush set inet oci-network-hook masquerade4"));
		CHECK_TEXT(missing("c1", every), "source fd08::2/128 is missing in zone trusted;"
						 "source 10.8.0.4/32 is missing in zone trusted;"
						 "masquerade of 10.8.0.4 is missing;");
		unlink(scratch_path("querySource.fd08::2"));
		unlink(scratch_path("querySource.10.8.0.4"));
		calls();
		CHECK_TEXT(take_away("c1", every), "");
		CHECK_TEXT(calls(), EACH("removeSource"));
		CHECK(!nft_has("c1"));
	}
	TEST("another zone; and without the rules on record what is in nftables")
	{
		zone = "work";
		CHECK_TEXT(replace("c1", every), "");
		CHECK_HAS(calls(), "addSource work 10.8.0.2/32\n");
		CHECK_TEXT(take_away("c1", NULL), "");
		CHECK_TEXT(calls(), "");
		CHECK(!nft_has("c1"));
		tell("querySource", "no");
		CHECK_HAS(missing("c1", forwards), "source fd08::2/128 is missing in zone work;");
		unlink(scratch_path("querySource"));
		zone = NULL;
		calls();
	}
	TEST("forwards alone: nftables has nothing to do with it")
	{
		CHECK(run_quietly("nft flush ruleset"));
		CHECK_TEXT(replace("c1", forwards), "");
		CHECK_TEXT(missing("c1", forwards), "");
		CHECK_TEXT(take_away("c1", forwards), "");
		CHECK(!nft_has("."));
		calls();
		CHECK_TEXT(take_away("c1", "{}"), "");
		CHECK_TEXT(calls(), "");
	}
}

static void test_errors(void)
{
	TEST("a source that is there, in this zone or another, is no error")
	{
		tell("addSource.10.8.0.2", ERROR " ZONE_ALREADY_SET: 10.8.0.2");
		tell("addSource.fd08::2", ERROR " ZONE_CONFLICT: fd08::2");
		CHECK_TEXT(replace("c1", forwards), "");
		CHECK_TEXT(calls(),
			   "addSource trusted 10.8.0.2/32\naddSource trusted fd08::2/128\n");
	}
	TEST("what fails is said, and what was added before goes, and nothing else")
	{
		tell("addSource.fd08::3", ERROR " INVALID_ZONE: trusted");
		CHECK_TEXT(replace("c1", every),
			   "firewalld: addSource fd08::3/128: INVALID_ZONE: trusted");
		CHECK_TEXT(calls(), "addSource trusted 10.8.0.2/32\naddSource trusted fd08::2/128\n"
				    "addSource trusted fd08::3/128\n");
		unlink(scratch_path("addSource.fd08::2"));
		CHECK_HAS(replace("c1", every), "INVALID_ZONE");
		CHECK_TEXT(calls(), "addSource trusted 10.8.0.2/32\naddSource trusted fd08::2/128\n"
				    "addSource trusted fd08::3/128\n"
				    "removeSource trusted fd08::2/128\n");
		CHECK(!nft_has("c1"));
		unlink(scratch_path("addSource.fd08::3"));
		unlink(scratch_path("addSource.10.8.0.2"));
	}
	TEST("a port that another has takes the sources back")
	{
		CHECK_TEXT(replace("c2", "{\"publishes\":[" PORT "]}"), "");
		calls();
		CHECK_TEXT(replace("c1", every), "IPv4 port 80/tcp is published by container c2");
		CHECK_INT(err.status, STATUS_PORT);
		CHECK_TEXT(calls(), EACH("addSource") EACH("removeSource"));
		CHECK_TEXT(take_away("c2", "{\"publishes\":[" PORT "]}"), "");
		calls();
	}
	TEST("a source that is gone, or another's, or of a firewalld that is gone, is taken away")
	{
		static const char *const gone[] = {
			ERROR " UNKNOWN_SOURCE: x",
			ERROR " ZONE_CONFLICT: x",
			SD_BUS_ERROR_SERVICE_UNKNOWN " no service",
			SD_BUS_ERROR_NAME_HAS_NO_OWNER " no owner",
		};

		for (size_t i = 0; i < array_size(gone); i++) {
			tell("removeSource", gone[i]);
			CHECK_TEXT(take_away("c1", forwards), "");
			CHECK_TEXT(calls(), "removeSource trusted 10.8.0.2/32\n"
					    "removeSource trusted fd08::2/128\n");
		}
		tell("removeSource", ERROR " NOT_AUTHORIZED: no");
		CHECK_TEXT(take_away("c1", forwards),
			   "firewalld: removeSource 10.8.0.2/32: NOT_AUTHORIZED: no");
		CHECK(err.code > 0);
		unlink(scratch_path("removeSource"));
		calls();
	}
	TEST("a source that cannot be asked about")
	{
		tell("querySource", ERROR " INVALID_ZONE: trusted");
		CHECK_TEXT(missing("c1", forwards),
			   "firewalld: querySource 10.8.0.2/32: INVALID_ZONE: trusted");
		unlink(scratch_path("querySource"));
		calls();
	}
}

static bool usable(const char *want)
{
	const char *why = "";
	bool is = firewall_firewalld.usable(&why);

	CHECK_TEXT(why, want);
	return is;
}

static void test_end(pid_t bus)
{
	TEST("used where it has its name on the bus")
	{
		CHECK(usable("firewalld runs"));
		CHECK_TEXT(calls(), "NameHasOwner org.fedoraproject.FirewallD1 \n");
		tell("NameHasOwner", "no");
		CHECK(!usable("firewalld does not run"));
		tell("NameHasOwner", ERROR " no");
		CHECK(!usable("firewalld does not run"));
	}
	TEST("a bus that nobody serves has no source, and takes none")
	{
		kill(bus, SIGKILL);
		waitpid(bus, NULL, 0);
		CHECK_TEXT(take_away("c1", forwards), "");
		CHECK_HAS(replace("c1", forwards), "connect to the system bus: Connection refused");
		CHECK_HAS(missing("c1", forwards), "connect to the system bus");
		CHECK(!usable("there is no system bus"));
	}
}

int main(void)
{
	pid_t bus;

	scratch_make();
	if (!own_net() || !own_run() || !run_quietly("nft list ruleset"))
		SKIP_ALL("no namespaces can be made here, or nft is missing");
	bus = serve();
	test_life();
	test_errors();
	test_end(bus);
	return check_end();
}
