/* Request ids made here: a prefix of the loop's own, and a count in hexadecimal. */
#include "proxy/session/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void test_ids_begin_with_the_prefix(void **state)
{
    struct px_session session;

    (void)state;
    px_session_start_ids(&session, 0x0123456789abcdefu);
    assert_memory_equal(session.next_id, "0123456789abcdef0000000000000000", PX_MADE_ID_BYTES);
    px_session_count_id(&session);
    assert_memory_equal(session.next_id, "0123456789abcdef0000000000000001", PX_MADE_ID_BYTES);
}

static void test_ids_are_counted_in_hexadecimal(void **state)
{
    static const char *const rows[][2] = {
        {"00000000000000a10000000000000009", "00000000000000a1000000000000000a"},
        {"00000000000000a1000000000000000f", "00000000000000a10000000000000010"},
        {"00000000000000a1000000009fffffff", "00000000000000a100000000a0000000"},
    };
    struct px_session session;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        memcpy(session.next_id, rows[i][0], PX_MADE_ID_BYTES);
        px_session_count_id(&session);
        assert_memory_equal(session.next_id, rows[i][1], PX_MADE_ID_BYTES);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ids_begin_with_the_prefix),
        cmocka_unit_test(test_ids_are_counted_in_hexadecimal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
