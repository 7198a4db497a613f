/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Errors are values: a function returns 0 or a negative errno and fills the caller's struct err,
 * always its last parameter, with the whole story in one line. A caller that does not care passes
 * NULL. Only main prints. */
#pragma once

/* The exit statuses of oci-network-hook(8). */
enum exit_status {
	STATUS_OK = 0,
	STATUS_UNEXPECTED = 1,
	STATUS_USAGE = 2, /* command line, annotation, configuration file, CNI configuration */
	STATUS_STATE_JSON = 3,
	STATUS_PERMISSION = 4,
	STATUS_NO_NETWORK = 5,
	STATUS_PLUGIN = 6,
	STATUS_NO_ADDRESS = 7,
	STATUS_PORT = 8,
	STATUS_FIREWALL = 9,
	STATUS_NETNS = 10,
	STATUS_ROOTLESS = 11,
	STATUS_TIMEOUT = 12,
	STATUS_LOCK = 13,
	STATUS_STATE_FILE = 14,
};

struct err {
	int code;                /* positive errno */
	enum exit_status status; /* STATUS_OK until a layer has named one */
	char text[1024];         /* one line, no control characters */
};

/* Start a message. Asserts code > 0 and returns -code. */
int err_set(struct err *err, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The same without the text of the errno behind it: for what a user did, not what the kernel said.
 */
int err_say(struct err *err, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Put context in front, once per layer: "network podman: plugin bridge: ...". Returns -code. */
int err_wrap(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Name the exit status unless a deeper layer, which knows more, has named one. Lack of permission
 * (EPERM, EACCES) keeps its own status in every layer. Returns -code. */
int err_class(struct err *err, enum exit_status status);

/* Strings from plugins and strangers end up in messages: make it one line, with nothing in it that
 * a terminal obeys. In place. */
void err_flatten(char *text);

#ifdef __clang_analyzer__
/* It does not see into err.c: whoever gets an error from these gets no success. */
#define err_set(...) (err_set(__VA_ARGS__), -1)
#define err_say(...) (err_say(__VA_ARGS__), -1)
#define err_wrap(...) (err_wrap(__VA_ARGS__), -1)
#define err_class(...) (err_class(__VA_ARGS__), -1)
#endif

/* What main exits with for this error. */
enum exit_status err_status(const struct err *err);
