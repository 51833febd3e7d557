#include "lib/api/failures.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct sockaddr_storage v4(uint32_t number)
{
    struct sockaddr_storage address = {0};
    struct sockaddr_in *in = (void *)&address;

    in->sin_family = AF_INET;
    in->sin_addr.s_addr = htonl(0x7f000000 + number);
    in->sin_port = htons((uint16_t)(number * 7)); /* says nothing */
    return address;
}

static struct sockaddr_storage v6(void)
{
    struct sockaddr_storage address = {0};
    struct sockaddr_in6 *in6 = (void *)&address;

    in6->sin6_family = AF_INET6;
    in6->sin6_addr = in6addr_loopback;
    return address;
}

static uint64_t add(struct tn_failures *failures, struct sockaddr_storage address, uint64_t now_ms)
{
    return tn_failures_add(failures, &address, now_ms);
}

static void test_failures_of_one_address(void **state)
{
    struct tn_failures failures = {0};
    const uint64_t start = 1000000;

    (void)state;
    for (unsigned i = 0; i < TN_FAILURES_BURST; i++)
        assert_int_equal(add(&failures, v4(1), start), 0);
    assert_int_equal(add(&failures, v4(1), start), TN_FAILURES_EACH_MS);
    /* who goes on trying waits no longer for it, and no shorter */
    assert_int_equal(add(&failures, v4(1), start + 2000), TN_FAILURES_EACH_MS - 2000);
    assert_int_equal(add(&failures, v4(1), start + TN_FAILURES_EACH_MS), 0);
    assert_int_equal(add(&failures, v4(1), start + TN_FAILURES_EACH_MS), TN_FAILURES_EACH_MS);
    /* others are not meant */
    assert_int_equal(add(&failures, v4(2), start), 0);
    assert_int_equal(add(&failures, v6(), start), 0);
}

static void test_failures_are_forgotten_in_time(void **state)
{
    struct tn_failures failures = {0};
    const uint64_t later = 5000 + TN_FAILURES_BURST * TN_FAILURES_EACH_MS;

    (void)state;
    for (unsigned i = 0; i < TN_FAILURES_BURST; i++)
        assert_int_equal(add(&failures, v4(1), 5000), 0);
    for (unsigned i = 0; i < TN_FAILURES_BURST; i++)
        assert_int_equal(add(&failures, v4(1), later), 0);
    assert_int_equal(add(&failures, v4(1), later), TN_FAILURES_EACH_MS);
}

/* 127.0.0.0/8 has more addresses than anybody remembers. */
static void test_failures_of_ever_new_addresses(void **state)
{
    struct tn_failures failures = {0};
    unsigned told = 0;

    (void)state;
    for (uint32_t i = 0; i < 10000; i++)
        told += add(&failures, v4(i + 1), 1000) == 0;
    assert_int_equal(told, TN_FAILURES_ALL_BURST);
    told = 0;
    for (uint32_t i = 0; i < 10000; i++)
        told += add(&failures, v4(i + 1), 1000 + 10 * TN_FAILURES_ALL_EACH_MS) == 0;
    assert_int_equal(told, 10);
}

static void test_failures_of_an_address_outlive_a_few_others(void **state)
{
    struct tn_failures failures = {0};

    (void)state;
    for (unsigned i = 0; i < TN_FAILURES_BURST; i++)
        add(&failures, v4(1), 1000);
    for (uint32_t i = 0; i < TN_FAILURES_MAX / 2; i++)
        add(&failures, v4(100 + i), 1001);
    assert_true(add(&failures, v4(1), 1002) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_failures_of_one_address),
        cmocka_unit_test(test_failures_are_forgotten_in_time),
        cmocka_unit_test(test_failures_of_ever_new_addresses),
        cmocka_unit_test(test_failures_of_an_address_outlive_a_few_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
