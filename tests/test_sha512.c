/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/sha512.h"

#include "check.h"

static const char *hex(const char *text)
{
	static char out[SHA512_HEX_LEN + 1];

	sha512_hex(text, strlen(text), out);
	return out;
}

int main(void)
{
	char block[129] = { 0 };

	TEST("FIPS 180-4 example, one block")
	{
		CHECK_TEXT(hex("abc"),
			   "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
			   "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
	}
	TEST("the empty text")
	{
		CHECK_TEXT(hex(""),
			   "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce"
			   "47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e");
	}
	TEST("lengths around the padding, against known sums")
	{
		memset(block, 'a', 111);
		CHECK_HAS(hex(block), "fa9121c7b32b9e01733d034cfc78cbf6");
		memset(block, 'a', 112);
		CHECK_HAS(hex(block), "c01d080efd492776a1c43bd23dd99d0a");
		memset(block, 'a', 128);
		CHECK_HAS(hex(block), "b73d1929aa615934e61a871596b3f3b3");
	}
	TEST("chain names of the reference plugins")
	{
		CHECK_HAS(hex("podmancid1"), "3d24be3362bce1e00fbed480");
		CHECK_HAS(hex("ptpnetc1"), "fd326d185fb2c7ffa632f30f");
	}
	return check_end();
}
