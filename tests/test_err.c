/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/err.h"

#include <errno.h>
#include <string.h>

#include "check.h"

int main(void)
{
	struct err err;

	TEST("code, text and the errno's own text")
	{
		CHECK_INT(err_set(&err, ENOENT, "open %s", "/x"), -ENOENT);
		CHECK_INT(err.code, ENOENT);
		CHECK_INT(err.status, STATUS_OK);
		CHECK_TEXT(err.text, "open /x: No such file or directory");
		CHECK_INT(err_say(&err, EINVAL, "key %d", 7), -EINVAL);
		CHECK_TEXT(err.text, "key 7");
	}
	TEST("context goes in front")
	{
		err_say(&err, EIO, "why");
		CHECK_INT(err_wrap(&err, "plugin %s", "bridge"), -EIO);
		CHECK_INT(err_wrap(&err, "network podman"), -EIO);
		CHECK_TEXT(err.text, "network podman: plugin bridge: why");
	}
	TEST("one line, nothing a terminal obeys")
	{
		err_say(&err, EIO,
			"a\nb\tc\x1b[31md\x7f\xc2\x9b"
			"e \xc3\xa9");
		CHECK_TEXT(err.text, "a b c [31md   e \xc3\xa9");
		err_wrap(&err, "x\ny");
		CHECK_TEXT(err.text, "x y: a b c [31md   e \xc3\xa9");
	}
	TEST("long texts are cut, also by context")
	{
		char longer[3000];

		memset(longer, 'a', sizeof(longer) - 1);
		longer[sizeof(longer) - 1] = '\0';
		err_say(&err, EIO, "%s", longer);
		CHECK_INT(strlen(err.text), sizeof(err.text) - 1);
		err_wrap(&err, "context");
		CHECK(strncmp(err.text, "context: aaa", 12) == 0);
		CHECK_INT(strlen(err.text), sizeof(err.text) - 1);
		err_wrap(&err, "%s", longer);
		CHECK(strlen(err.text) < sizeof(err.text));
		err_set(&err, ENOENT, "%s", longer);
		CHECK(strlen(err.text) < sizeof(err.text));
	}
	TEST("the deepest layer names the status")
	{
		err_say(&err, EIO, "x");
		CHECK_INT(err_status(&err), STATUS_UNEXPECTED);
		CHECK_INT(err_class(&err, STATUS_NO_ADDRESS), -EIO);
		err_class(&err, STATUS_PLUGIN);
		CHECK_INT(err_status(&err), STATUS_NO_ADDRESS);
	}
	TEST("lack of permission keeps its own status")
	{
		err_say(&err, EACCES, "x");
		CHECK_INT(err_status(&err), STATUS_PERMISSION);
		err_class(&err, STATUS_NETNS);
		CHECK_INT(err_status(&err), STATUS_PERMISSION);
	}
	TEST("a caller that does not care")
	{
		CHECK_INT(err_set(NULL, EPERM, "x"), -EPERM);
		CHECK_INT(err_say(NULL, EPERM, "x"), -EPERM);
		CHECK(err_wrap(NULL, "x") < 0);
		CHECK(err_class(NULL, STATUS_PLUGIN) < 0);
	}
	return check_end();
}
