#include "lib/api/token.h"

#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define PREFIX "tt_"
#define SECRET_BYTES 32

static const char *const role_names[] = {[TN_API_READ] = "read", [TN_API_OPERATE] = "operate"};

int tn_token_make(char ret_token[TN_TOKEN_SIZE])
{
    uint8_t secret[SECRET_BYTES];

    if (sodium_init() < 0)
        return -EIO;
    randombytes_buf(secret, sizeof(secret));
    memcpy(ret_token, PREFIX, strlen(PREFIX));
    sodium_bin2base64(ret_token + strlen(PREFIX), TN_TOKEN_SIZE - strlen(PREFIX), secret,
                      sizeof(secret), sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    sodium_memzero(secret, sizeof(secret));
    return 0;
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

bool tn_token_is_well_formed(struct tn_str text)
{
    bool is_good = text.len == TN_TOKEN_SIZE - 1 && tn_str_has_prefix(text, TN_STR(PREFIX));

    for (size_t i = 0; is_good && i < text.len; i++)
        is_good = is_word(text.ptr[i]);
    return is_good;
}

void tn_token_hash(struct tn_str token, uint8_t ret_hash[TN_TOKEN_HASH_BYTES])
{
    crypto_generichash(ret_hash, TN_TOKEN_HASH_BYTES, (const uint8_t *)token.ptr, token.len, NULL,
                       0);
}

bool tn_token_is_name(struct tn_str text)
{
    bool is_good = text.len > 0 && text.len <= TN_TOKEN_NAME_MAX;

    for (size_t i = 0; is_good && i < text.len; i++)
        is_good = is_word(text.ptr[i]) || text.ptr[i] == '.';
    return is_good;
}

bool tn_token_parse_role(struct tn_str text, enum tn_api_role *ret_role)
{
    for (size_t i = 0; i < sizeof(role_names) / sizeof(role_names[0]); i++) {
        if (tn_str_equal(text, tn_str_of(role_names[i]))) {
            *ret_role = (enum tn_api_role)i;
            return true;
        }
    }
    return false;
}

const char *tn_token_role_text(enum tn_api_role role)
{
    return role_names[role];
}

void tn_token_line(const char *name, enum tn_api_role role, const char *token,
                   char ret_line[TN_TOKEN_LINE_SIZE])
{
    uint8_t hash[TN_TOKEN_HASH_BYTES];
    char hex[2 * TN_TOKEN_HASH_BYTES + 1];

    assert(tn_token_is_name(tn_str_of(name)));
    tn_token_hash(tn_str_of(token), hash);
    sodium_bin2hex(hex, sizeof(hex), hash, sizeof(hash));
    snprintf(ret_line, TN_TOKEN_LINE_SIZE, "%s %s blake2b:%s", name, role_names[role], hex);
}

void tn_token_forget(void *bytes, size_t len)
{
    sodium_memzero(bytes, len);
}
