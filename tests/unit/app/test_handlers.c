/* handlers: which row of the table a path and a method find. What the rows answer is in
 * test_server. */
#include "app/handlers.h"
#include "tests/unit/app/test.h"

static struct app_request choose(const char *url, const char *method)
{
    struct app_request request = {.bytes_wanted = 0};
    app_handlers_choose(&request, url, method);
    return request;
}

static void check_found(const char *url, const char *method, enum app_route route)
{
    struct app_request request = choose(url, method);
    assert_int_equal(request.route, route);
    assert_non_null(request.handler);
    assert_int_equal(request.handler->route, route);
}

static void check_refused(const char *url, const char *method, enum app_route route)
{
    struct app_request request = choose(url, method);
    assert_int_equal(request.route, route);
    assert_null(request.handler);
}

static void test_handlers_find_each_route(void **state)
{
    (void)state;
    check_found("/", "GET", APP_ROUTE_VISIT);
    check_found("/count", "GET", APP_ROUTE_COUNT);
    check_found("/version", "HEAD", APP_ROUTE_VERSION);
    check_found("/healthz", "GET", APP_ROUTE_HEALTHZ);
    check_found("/readyz", "HEAD", APP_ROUTE_READYZ);
    check_found("/metrics", "GET", APP_ROUTE_METRICS);
    check_found("/favicon.ico", "GET", APP_ROUTE_FAVICON);
    check_found("/import", "POST", APP_ROUTE_IMPORT);
    check_found("/echo-size", "PUT", APP_ROUTE_ECHO_SIZE);
    check_found("/bytes/12", "GET", APP_ROUTE_BYTES);
}

static void test_handlers_count_only_for_get_of_the_page(void **state)
{
    (void)state;
    const struct app_handler *visit = choose("/", "GET").handler;
    assert_ptr_not_equal(visit->run, choose("/", "HEAD").handler->run);
    assert_ptr_not_equal(visit->run, choose("/", "POST").handler->run);
    assert_ptr_not_equal(visit->run, choose("/count", "GET").handler->run);
    assert_ptr_equal(choose("/", "HEAD").handler->run, choose("/count", "GET").handler->run);
}

static void test_handlers_refuse_other_methods(void **state)
{
    (void)state;
    check_refused("/", "DELETE", APP_ROUTE_VISIT);
    check_refused("/", "get", APP_ROUTE_VISIT);
    check_refused("/", "GE", APP_ROUTE_VISIT);
    check_refused("/", "", APP_ROUTE_VISIT);
    check_refused("/count", "EAD", APP_ROUTE_COUNT);
    check_refused("/count", "GET, HEAD", APP_ROUTE_COUNT);
    check_refused("/import", "GET", APP_ROUTE_IMPORT);
    check_refused("/echo-size", "GET", APP_ROUTE_ECHO_SIZE);
    check_refused("/bytes/1", "POST", APP_ROUTE_BYTES);
}

static void test_handlers_refuse_other_paths(void **state)
{
    static const char *const paths[] = {
        "",       "//",      "/count/",   "/Count",     "/index.html",
        "/bytes", "bytes/1", "/healthz ", "/metrics/x", "*"};
    (void)state;
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        check_refused(paths[i], "GET", APP_ROUTE_OTHER);
    }
}

static void test_handlers_read_the_number_of_bytes(void **state)
{
    (void)state;
    assert_int_equal(choose("/bytes/0", "GET").bytes_wanted, 0);
    assert_int_equal(choose("/bytes/4096", "GET").bytes_wanted, 4096);
    assert_true(choose("/bytes/1099511627776", "GET").bytes_wanted == UINT64_C(1) << 40);
    assert_true(choose("/bytes/1099511627777", "GET").bytes_wanted == UINT64_MAX);
    assert_true(choose("/bytes/", "GET").bytes_wanted == UINT64_MAX);
    assert_true(choose("/bytes/1/2", "GET").bytes_wanted == UINT64_MAX);
}

static void test_handlers_spare_the_machinery_from_faults(void **state)
{
    static const char *const spared[] = {"/healthz", "/readyz", "/metrics", "/favicon.ico"};
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        assert_true(choose(spared[i], "GET").handler->is_probed);
    }
    assert_false(choose("/", "GET").handler->is_probed);
    assert_false(choose("/bytes/1", "GET").handler->is_probed);
    assert_false(choose("/version", "GET").handler->is_probed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_handlers_find_each_route),
        cmocka_unit_test(test_handlers_count_only_for_get_of_the_page),
        cmocka_unit_test(test_handlers_refuse_other_methods),
        cmocka_unit_test(test_handlers_refuse_other_paths),
        cmocka_unit_test(test_handlers_read_the_number_of_bytes),
        cmocka_unit_test(test_handlers_spare_the_machinery_from_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
