#include "cli/width.h"

#include <locale.h>
#include <string.h>
#include <wchar.h>

static locale_t utf8(void)
{
    static locale_t locale;
    static int is_tried;

    if (!is_tried)
        locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    is_tried = 1;
    return locale;
}

static size_t colour_len(const char *text)
{
    size_t len = 2;

    if (text[0] != '\033' || text[1] != '[')
        return 0;
    len += strspn(text + 2, "0123456789;");
    return text[len] == 'm' ? len + 1 : 0;
}

/* Bytes of a character by its first one; 1 where it is none. */
static size_t char_len(const char *text)
{
    unsigned char first = (unsigned char)text[0];
    size_t len = first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;

    for (size_t i = 1; i < len; i++) {
        if (((unsigned char)text[i] & 0xc0) != 0x80)
            return 1;
    }
    return len;
}

size_t cli_width_next(const char *text, size_t *ret_places)
{
    size_t len = colour_len(text);
    locale_t locale = utf8();
    mbstate_t state = {0};
    wchar_t character;
    locale_t before;
    int places = 1;

    *ret_places = 0;
    if (len > 0)
        return len;
    len = char_len(text);
    *ret_places = 1;
    if (len == 1 || !locale)
        return len;
    before = uselocale(locale);
    if (mbrtowc(&character, text, len, &state) == len)
        places = wcwidth(character);
    uselocale(before);
    *ret_places = places < 0 ? 1 : (size_t)places;
    return len;
}

size_t cli_width(const char *text)
{
    size_t width = 0;

    while (text && *text) {
        size_t places;

        text += cli_width_next(text, &places);
        width += places;
    }
    return width;
}
