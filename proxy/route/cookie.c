#include "proxy/route/cookie.h"

#include "proxy/route/base64url.h"

#include <sodium.h>

#define ID_CHARS 22
#define BINDING_BYTES 8
#define BINDING_CHARS 11
#define SIGNATURE_BYTES 16
#define SIGNATURE_CHARS 22

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

/* ".BINDING.SIGNATURE", the binding may be empty. False: malformed. */
static bool parse_tail(struct tn_str tail, struct px_cookie *cookie,
                       uint8_t ret_signature[SIGNATURE_BYTES])
{
    uint8_t binding[BINDING_BYTES];
    const char *last = tail.ptr + tail.len - SIGNATURE_CHARS - 1;

    cookie->has_binding = tail.len == 1 + BINDING_CHARS + 1 + SIGNATURE_CHARS;
    if (!cookie->has_binding && tail.len != 1 + 1 + SIGNATURE_CHARS)
        return false;
    if (tail.ptr[0] != '.' || *last != '.' ||
        !px_base64url_decode(last + 1, ret_signature, SIGNATURE_BYTES))
        return false;
    if (!cookie->has_binding)
        return true;
    if (!px_base64url_decode(tail.ptr + 1, binding, BINDING_BYTES))
        return false;
    for (int i = BINDING_BYTES - 1; i >= 0; i--)
        cookie->binding = cookie->binding << 8 | binding[i];
    return true;
}

enum px_cookie_state px_cookie_parse(struct tn_str text, struct tn_str name,
                                     const struct px_cookie_keys *keys,
                                     struct px_cookie *ret_cookie)
{
    struct px_cookie cookie = {.has_binding = false};
    struct tn_str tail;
    uint8_t signature[SIGNATURE_BYTES];
    enum px_cookie_state state = PX_COOKIE_VALID;

    if (text.len < 2 + ID_CHARS || text.ptr[0] != '1' || text.ptr[1] != '.' ||
        !px_base64url_decode(text.ptr + 2, cookie.id, PX_ID_BYTES))
        return PX_COOKIE_MALFORMED;
    tail = (struct tn_str){text.ptr + 2 + ID_CHARS, text.len - 2 - ID_CHARS};
    if (tail.len > 0 && !parse_tail(tail, &cookie, signature))
        return PX_COOKIE_MALFORMED;
    if (keys) {
        text.len -= tail.len > 0 ? 1 + SIGNATURE_CHARS : 0;
        state = tail.len > 0 ? verify(text, name, signature, keys) : PX_COOKIE_BAD_SIGNATURE;
        if (state == PX_COOKIE_BAD_SIGNATURE)
            return state;
    } else {
        cookie.has_binding = false; /* nobody vouches for it */
    }
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
    len += px_base64url_encode(cookie->id, PX_ID_BYTES, buffer + len);
    if (!keys)
        return len;
    buffer[len++] = '.';
    if (cookie->has_binding) {
        for (int i = 0; i < BINDING_BYTES; i++)
            binding[i] = (uint8_t)(cookie->binding >> (8 * i));
        len += px_base64url_encode(binding, BINDING_BYTES, buffer + len);
    }
    sign((struct tn_str){buffer, len}, name, keys->keys[0], signature);
    buffer[len++] = '.';
    return len + px_base64url_encode(signature, SIGNATURE_BYTES, buffer + len);
}

/* Appends while there is room; an overflow is remembered by at > size. */
struct builder {
    char *buffer;
    size_t size;
    size_t at;
};

static void append(struct builder *builder, struct tn_str text)
{
    if (builder->at <= builder->size && text.len <= builder->size - builder->at) {
        memcpy(builder->buffer + builder->at, text.ptr, text.len);
        builder->at += text.len;
    } else {
        builder->at = SIZE_MAX;
    }
}

static void append_number(struct builder *builder, uint64_t number)
{
    char digits[20];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    append(builder, (struct tn_str){digits + at, sizeof(digits) - at});
}

size_t px_cookie_set(const struct px_cookie *cookie, const struct px_sticky *sticky,
                     const struct px_cookie_keys *keys, bool https, char *buffer, size_t size)
{
    struct builder builder = {buffer, size, 0};
    char text[PX_COOKIE_TEXT_MAX];
    struct tn_str name = tn_str_of(sticky->name);

    append(&builder, name);
    append(&builder, TN_STR("="));
    append(&builder, (struct tn_str){text, px_cookie_format(cookie, name, keys, text)});
    append(&builder, TN_STR("; HttpOnly; SameSite=Lax; Path=/"));
    if (sticky->max_age_ms > 0) { /* rounded up: less than a second must not mean "delete" */
        append(&builder, TN_STR("; Max-Age="));
        append_number(&builder, (sticky->max_age_ms - 1) / 1000 + 1);
    }
    if (https)
        append(&builder, TN_STR("; Secure"));
    return builder.at <= size ? builder.at : 0;
}
