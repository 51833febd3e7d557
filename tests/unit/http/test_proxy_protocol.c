#include "lib/http/proxy_protocol.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"

struct row {
    const char *bytes;
    size_t len;
    int error;
    size_t used;         /* of bytes, when error is 0 */
    const char *address; /* NULL: none */
};

#define BYTES(text) text, sizeof(text) - 1
#define V1(text) text "\r\n", sizeof(text) + 1

static const struct row rows[] = {
    {V1("PROXY TCP4 192.0.2.1 198.51.100.2 56324 443"), 0, 45, "::ffff:192.0.2.1"},
    {V1("PROXY TCP6 2001:db8::1 2001:db8::2 1 65535"), 0, 44, "2001:db8::1"},
    {V1("PROXY UNKNOWN"), 0, 15, NULL},
    {V1("PROXY UNKNOWN ffff::1 ffff::2 1 2"), 0, 35, NULL},
    {V1("PROXY TCP4 192.0.2.1 198.51.100.2 56324"), -EBADMSG, 0, NULL},
    {V1("PROXY TCP4 192.0.2.1 198.51.100.2 56324 443 x"), -EBADMSG, 0, NULL},
    {V1("PROXY TCP4 192.0.2.1  198.51.100.2 56324 443"), -EBADMSG, 0, NULL},
    {V1("PROXY TCP4 192.0.2.256 198.51.100.2 56324 443"), -EBADMSG, 0, NULL},
    {V1("PROXY TCP4 2001:db8::1 198.51.100.2 56324 443"), -EBADMSG, 0, NULL},
    {V1("PROXY TCP4 192.0.2.1 198.51.100.2 65536 443"), -EBADMSG, 0, NULL},
    {V1("PROXY TCP4 192.0.2.1 198.51.100.2 056 443"), -EBADMSG, 0, NULL},
    {V1("PROXY TCP4 192.0.2.1 198.51.100.2 -1 443"), -EBADMSG, 0, NULL},
    {V1("PROXY UDP4 192.0.2.1 198.51.100.2 1 2"), -EBADMSG, 0, NULL},
    {V1("PROXY tcp4 192.0.2.1 198.51.100.2 1 2"), -EBADMSG, 0, NULL},
    {V1("PROXY "), -EBADMSG, 0, NULL},
    {V1("PROXY TCP4 192.0.2.1\n198.51.100.2 1 2"), -EBADMSG, 0, NULL},
    {BYTES("GET / HTTP/1.1\r\n"), -EBADMSG, 0, NULL},
    {BYTES("PROXX"), -EBADMSG, 0, NULL},
    {BYTES(SIGNATURE "\x21\x11\x00\x0c\xc0\x00\x02\x01\xc6\x33\x64\x02\xdc\x04\x01\xbb"), 0, 28,
     "::ffff:192.0.2.1"},
    {BYTES(SIGNATURE "\x21\x11\x00\x10\xc0\x00\x02\x01\xc6\x33\x64\x02\xdc\x04\x01\xbb\x04\x00\x01"
                     "a"),
     0, 32, "::ffff:192.0.2.1"},
    {BYTES(SIGNATURE "\x21\x21\x00\x24\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x20\x01\x0d\xb8"
                     "\0\0\0\0\0\0\0\0\0\0\0\x02\x00\x01\x00\x02"),
     0, 52, "2001:db8::1"},
    {BYTES(SIGNATURE "\x20\x00\x00\x00"), 0, 16, NULL},
    {BYTES(SIGNATURE "\x21\x00\x00\x00"), 0, 16, NULL},
    {BYTES(SIGNATURE "\x21\x31\x00\x00"), 0, 16, NULL},
    {BYTES(SIGNATURE "\x22\x11\x00\x0c\0\0\0\0\0\0\0\0\0\0\0\0"), -EBADMSG, 0, NULL},
    {BYTES(SIGNATURE "\x31\x11\x00\x0c\0\0\0\0\0\0\0\0\0\0\0\0"), -EBADMSG, 0, NULL},
    {BYTES(SIGNATURE "\x21\x11\x00\x0b\0\0\0\0\0\0\0\0\0\0\0"), -EBADMSG, 0, NULL},
    {BYTES(SIGNATURE "\x21\x21\x00\x0c\0\0\0\0\0\0\0\0\0\0\0\0"), -EBADMSG, 0, NULL},
    {BYTES(SIGNATURE "\x21\x11\xff\xff"), -EBADMSG, 0, NULL},
};

static void check(const struct row *row, size_t i)
{
    struct tn_proxy_header header = {.len = 4711};
    int error = tn_proxy_header_parse((struct tn_str){row->bytes, row->len}, &header);
    char text[INET6_ADDRSTRLEN];

    if (error != row->error)
        fail_msg("row %zu: %d, expected %d", i, error, row->error);
    if (error) {
        assert_int_equal(header.len, 4711); /* untouched */
        return;
    }
    assert_int_equal(header.len, row->used);
    assert_int_equal(header.has_address, row->address != NULL);
    if (row->address)
        assert_string_equal(inet_ntop(AF_INET6, &header.address, text, sizeof(text)), row->address);
}

static void test_proxy_protocol_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        check(&rows[i], i);
}

static void test_proxy_protocol_asks_for_more_at_every_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].error)
            continue;
        for (size_t len = 0; len < rows[i].used; len++) {
            /* a copy of its own, so that a sanitizer sees every byte read too far */
            char *bytes = malloc(len + 1);
            struct tn_proxy_header header;

            memcpy(bytes, rows[i].bytes, len);
            bytes = realloc(bytes, len ? len : 1);
            assert_int_equal(tn_proxy_header_parse((struct tn_str){bytes, len}, &header), -EAGAIN);
            free(bytes);
        }
    }
}

static void test_proxy_protocol_leaves_what_comes_behind(void **state)
{
    static const char bytes[] = "PROXY UNKNOWN\r\nGET / HTTP/1.1\r\n";
    struct tn_proxy_header header;

    (void)state;
    assert_int_equal(tn_proxy_header_parse(TN_STR(bytes), &header), 0);
    assert_int_equal(header.len, 15);
}

static void test_proxy_protocol_gives_up_on_an_endless_line(void **state)
{
    char bytes[200];
    struct tn_proxy_header header;

    (void)state;
    memset(bytes, 'x', sizeof(bytes));
    memcpy(bytes, "PROXY UNKNOWN ", 14);
    assert_int_equal(tn_proxy_header_parse((struct tn_str){bytes, 106}, &header), -EAGAIN);
    assert_int_equal(tn_proxy_header_parse((struct tn_str){bytes, 107}, &header), -EBADMSG);
    assert_int_equal(tn_proxy_header_parse((struct tn_str){bytes, sizeof(bytes)}, &header),
                     -EBADMSG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_proxy_protocol_rows),
        cmocka_unit_test(test_proxy_protocol_asks_for_more_at_every_cut),
        cmocka_unit_test(test_proxy_protocol_leaves_what_comes_behind),
        cmocka_unit_test(test_proxy_protocol_gives_up_on_an_endless_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
