/* address: text to socket and back. */
#include "app/address.h"
#include "tests/unit/app/test.h"

#include <errno.h>
#include <unistd.h>

static void check_round_trip(const char *text)
{
    struct app_address address;
    char buffer[APP_ADDRESS_SIZE];
    assert_int_equal(app_address_parse(text, &address), 0);
    assert_string_equal(app_address_format(&address, buffer), text);
}

static void test_address_round_trip(void **state)
{
    (void)state;
    check_round_trip("127.0.0.1:5000");
    check_round_trip("0.0.0.0:0");
    check_round_trip("255.255.255.255:65535");
    check_round_trip("[::1]:5000");
    check_round_trip("[::]:0");
    check_round_trip("[2001:db8::7]:80");
}

static void test_address_refuses_other_shapes(void **state)
{
    static const char *const bad[] = {"",
                                      ":",
                                      ":5000",
                                      "5000",
                                      "127.0.0.1",
                                      "127.0.0.1:",
                                      "127.0.0.1:65536",
                                      "127.0.0.1:-1",
                                      "127.0.0.1:5000 ",
                                      " 127.0.0.1:5000",
                                      "127.0.0:5000",
                                      "127.0.0.1.1:5000",
                                      "localhost:5000",
                                      "::1:5000",
                                      "[::1]",
                                      "[::1]5000",
                                      "[::1:5000",
                                      "[]:5000",
                                      "[127.0.0.1]:5000",
                                      "[::1%lo]:5000",
                                      "[fe80:fe80:fe80:fe80:fe80:fe80:fe80:fe80:fe80:fe80:fe80]:1"};
    struct app_address address = {.len = 42};
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(app_address_parse(bad[i], &address), -EINVAL);
    }
    assert_int_equal(address.len, 42);
}

static bool is_loopback(const char *text)
{
    struct app_address address;
    assert_int_equal(app_address_parse(text, &address), 0);
    return app_address_is_loopback(&address);
}

static void test_address_knows_loopback(void **state)
{
    (void)state;
    assert_true(is_loopback("127.0.0.1:0"));
    assert_true(is_loopback("127.255.0.9:0"));
    assert_true(is_loopback("[::1]:0"));
    assert_false(is_loopback("0.0.0.0:0"));
    assert_false(is_loopback("128.0.0.1:0"));
    assert_false(is_loopback("10.0.0.1:0"));
    assert_false(is_loopback("[::]:0"));
    assert_false(is_loopback("[2001:db8::1]:0"));
}

static void test_address_listens_on_a_port_that_the_kernel_chose(void **state)
{
    struct app_address address;
    struct app_address again;
    char text[APP_ADDRESS_SIZE];
    int fd;
    int second = -2;
    (void)state;
    assert_int_equal(app_address_parse("127.0.0.1:0", &address), 0);
    assert_int_equal(app_address_listen(&address, &fd), 0);
    app_address_format(&address, text);
    assert_string_not_equal(text, "127.0.0.1:0");
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(client, (const struct sockaddr *)&address.storage, address.len), 0);
    assert_int_equal(app_address_parse(text, &again), 0);
    assert_int_equal(app_address_listen(&again, &second), -EADDRINUSE);
    assert_int_equal(second, -2);
    close(client);
    close(fd);
}

static void test_address_that_is_not_ours(void **state)
{
    struct app_address address;
    int fd;
    (void)state;
    assert_int_equal(app_address_parse("192.0.2.1:0", &address), 0); /* TEST-NET-1 */
    assert_int_equal(app_address_listen(&address, &fd), -EADDRNOTAVAIL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_address_round_trip),
        cmocka_unit_test(test_address_refuses_other_shapes),
        cmocka_unit_test(test_address_knows_loopback),
        cmocka_unit_test(test_address_listens_on_a_port_that_the_kernel_chose),
        cmocka_unit_test(test_address_that_is_not_ours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
