#include "lib/api/tokens.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* --- one token ---------------------------------------------------------------------------------
 */

static void test_token_is_random_and_well_formed(void **state)
{
    char a[TN_TOKEN_SIZE];
    char b[TN_TOKEN_SIZE];

    (void)state;
    assert_int_equal(tn_token_make(a), 0);
    assert_int_equal(tn_token_make(b), 0);
    assert_int_equal(strlen(a), 46);
    assert_true(tn_token_is_well_formed(tn_str_of(a)));
    assert_string_not_equal(a, b);
}

static void test_token_well_formed(void **state)
{
    (void)state;
#define SECRET "0123456789abcdefghijABCDEFGHIJ_-0123456789a"
    assert_true(tn_token_is_well_formed(TN_STR("tt_" SECRET)));
    assert_false(tn_token_is_well_formed(TN_STR("tt_" SECRET "b")));
    assert_false(tn_token_is_well_formed(TN_STR("TT_" SECRET)));
    assert_false(tn_token_is_well_formed(TN_STR("tt_0123456789abcdefghijABCDEFGHIJ_+0123456789a")));
    assert_false(tn_token_is_well_formed(TN_STR("tt_")));
    assert_false(tn_token_is_well_formed(TN_STR("")));
    assert_false(tn_token_is_well_formed(TN_STR("hunter2")));
}

/* printf %s tt_0123… | b2sum -l 256 */
static void test_token_line_is_what_b2sum_says(void **state)
{
    char line[TN_TOKEN_LINE_SIZE];

    (void)state;
    tn_token_line("ci", TN_API_OPERATE, "tt_" SECRET, line);
    assert_string_equal(line,
                        "ci operate "
                        "blake2b:724727edb95917a75da1e80b0cffd58522ffdf7cf7db27fe809e0ed589625693");
}

static void test_token_names_and_roles(void **state)
{
    enum tn_api_role role = TN_API_READ;
    char name[TN_TOKEN_NAME_MAX + 2];

    (void)state;
    assert_true(tn_token_is_name(TN_STR("grafana-2.eu_x")));
    assert_false(tn_token_is_name(TN_STR("")));
    assert_false(tn_token_is_name(TN_STR("a b")));
    assert_false(tn_token_is_name(TN_STR("a\nb")));
    memset(name, 'n', sizeof(name));
    assert_true(tn_token_is_name((struct tn_str){name, TN_TOKEN_NAME_MAX}));
    assert_false(tn_token_is_name((struct tn_str){name, TN_TOKEN_NAME_MAX + 1}));
    assert_true(tn_token_parse_role(TN_STR("operate"), &role));
    assert_int_equal(role, TN_API_OPERATE);
    assert_false(tn_token_parse_role(TN_STR("admin"), &role));
    assert_string_equal(tn_token_role_text(TN_API_READ), "read");
}

/* --- a file of them ----------------------------------------------------------------------------
 */

#define HASH_A "blake2b:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define HASH_B "blake2b:11112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static void assert_refused(const char *text, const char *part)
{
    struct tn_tokens *tokens = NULL;
    char *why = NULL;

    assert_int_equal(tn_tokens_parse(tn_str_of(text), "tokens", &why, &tokens), -EINVAL);
    if (!why || !strstr(why, part))
        fail_msg("'%s', expected '%s'", why ? why : "", part);
    assert_null(tokens);
    free(why);
}

static void test_tokens_mistakes_are_told_with_their_line(void **state)
{
    char name[TN_TOKEN_NAME_MAX + 2];
    char text[256];

    (void)state;
    assert_refused("", "tokens: holds no token");
    assert_refused("# nothing\n\n", "tokens: holds no token");
    assert_refused("\n# c\nci operate\n", "tokens:3: expected NAME ROLE blake2b:HASH");
    assert_refused("ci operate " HASH_A " more\n", "tokens:1: expected NAME ROLE");
    assert_refused("c/i operate " HASH_A "\n", "tokens:1: the name has");
    assert_refused("ci admin " HASH_A "\n", "tokens:1: the role is read or operate");
    assert_refused("ci read md5:0011\n", "tokens:1: the hash is blake2b: and 64");
    assert_refused("ci read " HASH_A "0\n", "tokens:1: the hash is blake2b: and 64");
    assert_refused("a read " HASH_A "\na read " HASH_B "\n", "tokens:2: this name is used twice");
    assert_refused("a read " HASH_A "\nb read " HASH_A "\n", "tokens:2: this hash is there twice");
    memset(name, 'n', sizeof(name));
    snprintf(text, sizeof(text), "%.*s read " HASH_A, (int)sizeof(name), name);
    assert_refused(text, "tokens:1: the name has");
}

/* What was put there by mistake is not spread by the message. */
static void test_tokens_a_token_in_its_place_is_not_repeated(void **state)
{
    struct tn_tokens *tokens = NULL;
    char *why = NULL;

    (void)state;
    assert_int_equal(tn_tokens_parse(TN_STR("ci read tt_" SECRET "\n"), "tokens", &why, &tokens),
                     -EINVAL);
    assert_non_null(strstr(why, "this is a token"));
    assert_null(strstr(why, "0123"));
    free(why);
}

static void test_tokens_at_most_256(void **state)
{
    struct tn_tokens *tokens = NULL;
    char *text = calloc(1, 64 * 1024);
    char *why = NULL;

    (void)state;
    for (unsigned i = 0; i < TN_TOKENS_MAX; i++)
        sprintf(text + strlen(text), "n%u read blake2b:%064x\n", i, i);
    assert_int_equal(tn_tokens_parse(tn_str_of(text), "t", &why, &tokens), 0);
    tn_tokens_free(tokens);
    tokens = NULL;
    strcat(text, "one-more read " HASH_A "\n");
    assert_int_equal(tn_tokens_parse(tn_str_of(text), "t", &why, &tokens), -EINVAL);
    assert_string_equal(why, "t:257: more than 256 tokens");
    free(why);
    free(text);
}

static void test_tokens_find_each(void **state)
{
    char made[40][TN_TOKEN_SIZE];
    char text[8192] = "# name role hash\r\n\n";
    struct tn_tokens *tokens = NULL;
    struct tn_token_owner owner;
    char *why = NULL;

    (void)state;
    for (unsigned i = 0; i < 40; i++) {
        char name[16];
        char line[TN_TOKEN_LINE_SIZE];

        sprintf(name, "n%u", i);
        assert_int_equal(tn_token_make(made[i]), 0);
        tn_token_line(name, i % 2 ? TN_API_OPERATE : TN_API_READ, made[i], line);
        sprintf(text + strlen(text), "  %s\t\r\n", line);
    }
    assert_int_equal(tn_tokens_parse(tn_str_of(text), "tokens", &why, &tokens), 0);
    for (unsigned i = 0; i < 40; i++) {
        char name[16];

        sprintf(name, "n%u", i);
        assert_true(tn_tokens_find(tokens, tn_str_of(made[i]), &owner));
        assert_string_equal(owner.name, name);
        assert_int_equal(owner.role, i % 2 ? TN_API_OPERATE : TN_API_READ);
        made[i][20] ^= 1;
        assert_false(tn_tokens_find(tokens, tn_str_of(made[i]), &owner));
    }
    assert_false(tn_tokens_find(tokens, TN_STR(""), &owner));
    assert_false(tn_tokens_find(tokens, TN_STR("n0"), &owner));
    tn_tokens_free(tokens);
    tn_tokens_free(NULL);
}

/* --- the file itself ---------------------------------------------------------------------------
 */

static char folder[64];
static char file[96];

static int setup(void **state)
{
    FILE *out;

    (void)state;
    strcpy(folder, "/tmp/turnout-tokens-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(file, sizeof(file), "%s/tokens", folder);
    out = fopen(file, "w");
    fputs("ci operate " HASH_A "\n", out);
    fclose(out);
    assert_int_equal(chmod(file, 0600), 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    remove(file);
    return rmdir(folder);
}

static int load(const char *part)
{
    struct tn_tokens *tokens = NULL;
    char *why = NULL;
    int error = tn_tokens_load(file, &why, &tokens);

    if (error && !strstr(why, part))
        fail_msg("'%s', expected '%s'", why, part);
    tn_tokens_free(tokens);
    free(why);
    return error;
}

static void test_tokens_file_modes(void **state)
{
    static const struct {
        mode_t mode;
        int error;
    } rows[] = {{0600, 0},      {0400, 0},      {0640, 0},      {0440, 0},
                {0644, -EPERM}, {0660, -EPERM}, {0602, -EPERM}, {0620, -EPERM}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(chmod(file, rows[i].mode), 0);
        if (load("others could let themselves in") != rows[i].error)
            fail_msg("mode %o", (unsigned)rows[i].mode);
    }
}

static void test_tokens_file_of_somebody_else(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    assert_int_equal(chown(file, 4321, 0), 0);
    assert_int_equal(load("belongs to user 4321"), -EPERM);
}

static void test_tokens_file_that_is_none(void **state)
{
    FILE *out;

    (void)state;
    assert_int_equal(remove(file), 0);
    assert_int_equal(load("No such file"), -ENOENT);
    assert_int_equal(mkfifo(file, 0600), 0);
    assert_int_equal(load("not a regular file"), -EINVAL);
    assert_int_equal(remove(file), 0);
    assert_int_equal(mkdir(file, 0700), 0);
    assert_int_equal(load("not a regular file"), -EINVAL);
    assert_int_equal(rmdir(file), 0);
    out = fopen(file, "w");
    for (unsigned i = 0; i < 65537; i++)
        fputc('#', out);
    fclose(out);
    assert_int_equal(chmod(file, 0600), 0);
    assert_int_equal(load("more than 65536 bytes"), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_token_is_random_and_well_formed),
        cmocka_unit_test(test_token_well_formed),
        cmocka_unit_test(test_token_line_is_what_b2sum_says),
        cmocka_unit_test(test_token_names_and_roles),
        cmocka_unit_test(test_tokens_mistakes_are_told_with_their_line),
        cmocka_unit_test(test_tokens_a_token_in_its_place_is_not_repeated),
        cmocka_unit_test(test_tokens_at_most_256),
        cmocka_unit_test(test_tokens_find_each),
        cmocka_unit_test_setup_teardown(test_tokens_file_modes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_tokens_file_of_somebody_else, setup, teardown),
        cmocka_unit_test_setup_teardown(test_tokens_file_that_is_none, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
