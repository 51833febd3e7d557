/* The self-check finds every lenient flag, whether it is set in the parser or only acts in llhttp.
 */
#include "lib/http/parser.h"
#include "tests/unit/http/feed.h"

#include <errno.h>

static uint16_t set_at_init, set_at_execute;

void __real_llhttp_init(llhttp_t *llhttp, llhttp_type_t type, const llhttp_settings_t *settings);
void __wrap_llhttp_init(llhttp_t *llhttp, llhttp_type_t type, const llhttp_settings_t *settings);
llhttp_errno_t __real_llhttp_execute(llhttp_t *llhttp, const char *data, size_t len);
llhttp_errno_t __wrap_llhttp_execute(llhttp_t *llhttp, const char *data, size_t len);

void __wrap_llhttp_init(llhttp_t *llhttp, llhttp_type_t type, const llhttp_settings_t *settings)
{
    __real_llhttp_init(llhttp, type, settings);
    llhttp->lenient_flags = set_at_init;
}

llhttp_errno_t __wrap_llhttp_execute(llhttp_t *llhttp, const char *data, size_t len)
{
    llhttp->lenient_flags = set_at_execute;
    return __real_llhttp_execute(llhttp, data, len);
}

static const uint16_t flags[] = {
    LENIENT_HEADERS,
    LENIENT_CHUNKED_LENGTH,
    LENIENT_KEEP_ALIVE,
    LENIENT_TRANSFER_ENCODING,
    LENIENT_VERSION,
    LENIENT_DATA_AFTER_CLOSE,
    LENIENT_OPTIONAL_LF_AFTER_CR,
    LENIENT_OPTIONAL_CRLF_AFTER_CHUNK,
    LENIENT_OPTIONAL_CR_BEFORE_LF,
    LENIENT_SPACES_AFTER_CHUNK_SIZE,
    LENIENT_HEADER_VALUE_RELAXED,
};

static void test_self_check_passes_without_flags(void **state)
{
    (void)state;
    set_at_init = set_at_execute = 0;
    assert_int_equal(tn_http_parser_self_check(), 0);
}

static void test_self_check_sees_flags_of_the_parser(void **state)
{
    (void)state;
    set_at_execute = 0;
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        set_at_init = flags[i];
        assert_int_equal(tn_http_parser_self_check(), -ENOTSUP);
    }
    set_at_init = 0;
}

static void test_self_check_sees_what_flags_do(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        set_at_execute = flags[i];
        if (tn_http_parser_self_check() != -ENOTSUP)
            fail_msg("flag %#x goes unnoticed", flags[i]);
    }
    set_at_execute = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_self_check_passes_without_flags),
        cmocka_unit_test(test_self_check_sees_flags_of_the_parser),
        cmocka_unit_test(test_self_check_sees_what_flags_do),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
