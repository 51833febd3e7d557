#include "proxy/route/cookie.h"

#include <sodium.h>
#include <stdio.h>

#define ID_CHARS 22
#define BINDING_BYTES 8
#define BINDING_CHARS 11
#define SIGNATURE_BYTES 16
#define SIGNATURE_CHARS 22
#define VARIANT sodium_base64_VARIANT_URLSAFE_NO_PADDING

/* base64url of exactly len bytes; 0 or -1. libsodium refuses spare bits that are not 0. */
static int decode(struct tn_str text, uint8_t *ret_bytes, size_t len)
{
    size_t got;

    if (sodium_base642bin(ret_bytes, len, text.ptr, text.len, NULL, &got, NULL, VARIANT) != 0)
        return -1;
    return got == len ? 0 : -1;
}

static size_t encode(const uint8_t *bytes, size_t len, char *ret_text)
{
    char text[32];
    size_t chars = sodium_base64_ENCODED_LEN(len, VARIANT) - 1;

    sodium_bin2base64(text, sizeof(text), bytes, len, VARIANT);
    memcpy(ret_text, text, chars);
    return chars;
}

/* Name and text cannot be shifted against each other: a name holds no '='. */
static void sign(struct tn_str text, struct tn_str name, const uint8_t key[PX_COOKIE_KEY_BYTES],
                 uint8_t ret_signature[SIGNATURE_BYTES])
{
    crypto_generichash_state state;

    crypto_generichash_init(&state, key, PX_COOKIE_KEY_BYTES, SIGNATURE_BYTES);
    crypto_generichash_update(&state, (const uint8_t *)name.ptr, name.len);
    crypto_generichash_update(&state, (const uint8_t *)"=", 1);
    crypto_generichash_update(&state, (const uint8_t *)text.ptr, text.len);
    crypto_generichash_final(&state, ret_signature, SIGNATURE_BYTES);
}

static enum px_cookie_state verify(struct tn_str text, struct tn_str name,
                                   const uint8_t signature[SIGNATURE_BYTES],
                                   const struct px_cookie_keys *keys)
{
    for (uint32_t i = 0; i < keys->count; i++) {
        uint8_t expected[SIGNATURE_BYTES];

        sign(text, name, keys->keys[i], expected);
        if (sodium_memcmp(expected, signature, SIGNATURE_BYTES) == 0)
            return i == 0 ? PX_COOKIE_VALID : PX_COOKIE_VALID_OLD_KEY;
    }
    return PX_COOKIE_BAD_SIGNATURE;
}

enum px_cookie_state px_cookie_parse(struct tn_str text, struct tn_str name,
                                     const struct px_cookie_keys *keys,
                                     struct px_cookie *ret_cookie)
{
    struct px_cookie cookie = {.has_binding = false};
    uint8_t signature[SIGNATURE_BYTES];
    uint8_t binding[BINDING_BYTES];
    enum px_cookie_state state = PX_COOKIE_VALID;
    size_t at = 2 + ID_CHARS;
    bool is_signed = text.len > at;

    if (text.len < at || text.ptr[0] != '1' || text.ptr[1] != '.' ||
        decode((struct tn_str){text.ptr + 2, ID_CHARS}, cookie.id, PX_ID_BYTES) != 0)
        return PX_COOKIE_MALFORMED;
    if (is_signed) {
        cookie.has_binding = text.len == at + 1 + BINDING_CHARS + 1 + SIGNATURE_CHARS;
        if (!cookie.has_binding && text.len != at + 1 + 1 + SIGNATURE_CHARS)
            return PX_COOKIE_MALFORMED;
        if (text.ptr[at] != '.' ||
            (cookie.has_binding && decode((struct tn_str){text.ptr + at + 1, BINDING_CHARS},
                                          binding, BINDING_BYTES) != 0))
            return PX_COOKIE_MALFORMED;
        at = text.len - SIGNATURE_CHARS;
        if (text.ptr[at - 1] != '.' || decode((struct tn_str){text.ptr + at, SIGNATURE_CHARS},
                                              signature, SIGNATURE_BYTES) != 0)
            return PX_COOKIE_MALFORMED;
    }
    if (keys && !is_signed)
        return PX_COOKIE_BAD_SIGNATURE;
    if (keys) {
        state = verify((struct tn_str){text.ptr, at - 1}, name, signature, keys);
        if (state == PX_COOKIE_BAD_SIGNATURE)
            return state;
    } else {
        cookie.has_binding = false;
    }
    for (int i = BINDING_BYTES - 1; cookie.has_binding && i >= 0; i--)
        cookie.binding = cookie.binding << 8 | binding[i];
    *ret_cookie = cookie;
    return state;
}

size_t px_cookie_format(const struct px_cookie *cookie, struct tn_str name,
                        const struct px_cookie_keys *keys, char buffer[PX_COOKIE_TEXT_MAX])
{
    uint8_t signature[SIGNATURE_BYTES];
    uint8_t binding[BINDING_BYTES];
    size_t len = 2;

    buffer[0] = '1';
    buffer[1] = '.';
    len += encode(cookie->id, PX_ID_BYTES, buffer + len);
    if (!keys)
        return len;
    buffer[len++] = '.';
    if (cookie->has_binding) {
        for (int i = 0; i < BINDING_BYTES; i++)
            binding[i] = (uint8_t)(cookie->binding >> (8 * i));
        len += encode(binding, BINDING_BYTES, buffer + len);
    }
    sign((struct tn_str){buffer, len}, name, keys->keys[0], signature);
    buffer[len++] = '.';
    return len + encode(signature, SIGNATURE_BYTES, buffer + len);
}

size_t px_cookie_set(const struct px_cookie *cookie, const struct px_sticky *sticky,
                     const struct px_cookie_keys *keys, bool https, char *buffer, size_t size)
{
    char text[PX_COOKIE_TEXT_MAX];
    char max_age[40] = "";
    size_t text_len = px_cookie_format(cookie, tn_str_of(sticky->name), keys, text);
    int len;

    if (sticky->max_age_ms > 0) /* rounded up: less than a second must not mean "delete" */
        snprintf(max_age, sizeof(max_age), "; Max-Age=%llu",
                 (unsigned long long)((sticky->max_age_ms - 1) / 1000 + 1));
    len = snprintf(buffer, size, "%s=%.*s; HttpOnly; SameSite=Lax; Path=/%s%s", sticky->name,
                   (int)text_len, text, max_age, https ? "; Secure" : "");
    return len > 0 && (size_t)len < size ? (size_t)len : 0;
}
