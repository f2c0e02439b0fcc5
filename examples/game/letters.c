/* Letters: see host.h. A text is drawn by SDL_ttf once and kept as a texture, in white, as long as it is among the last
 * that were used; its colour comes with each drawing. */
#include "host.h"

#include <SDL_ttf.h>
#include <stdbool.h>
#include <string.h>

#define SIZES 4
#define KEPT 256

typedef struct kept {
    char *text;
    int size, width, height;
    Uint64 used;
    SDL_Texture *texture;
} kept;

static SDL_Renderer *canvas;
static char *font_path;
static struct {
    int size;
    TTF_Font *font;
} fonts[SIZES];
static kept texts[KEPT];
static Uint64 uses;

static TTF_Font *font_of(int size)
{
    for (int i = 0; i < SIZES; i++) {
        if (!fonts[i].font) {
            fonts[i].font = TTF_OpenFont(font_path, size);
            fonts[i].size = size;
        }
        if (fonts[i].font && fonts[i].size == size) return fonts[i].font;
    }
    return fonts[SIZES - 1].font;
}

static void drop(kept *text)
{
    if (text->texture) SDL_DestroyTexture(text->texture);
    SDL_free(text->text);
    memset(text, 0, sizeof *text);
}

static kept *find(const char *text, int size)
{
    kept *oldest = &texts[0];
    for (int i = 0; i < KEPT; i++) {
        if (texts[i].text && texts[i].size == size && strcmp(texts[i].text, text) == 0) return &texts[i];
        if (texts[i].used < oldest->used) oldest = &texts[i];
    }
    TTF_Font *font = font_of(size);
    SDL_Surface *surface = font ? TTF_RenderUTF8_Blended(font, text, (SDL_Color){255, 255, 255, 255}) : NULL;
    if (!surface) return NULL; /* nothing to draw in it */
    drop(oldest);
    oldest->text = SDL_strdup(text);
    oldest->size = size;
    oldest->width = surface->w;
    oldest->height = surface->h;
    oldest->texture = SDL_CreateTextureFromSurface(canvas, surface);
    SDL_FreeSurface(surface);
    return oldest;
}

int letters_open(SDL_Renderer *renderer, const char *font)
{
    canvas = renderer;
    font_path = SDL_strdup(font);
    return TTF_Init() == 0 && font_of(16) ? 0 : -1;
}

void letters_draw(const char *text, int size, float x, float y, Uint32 colour)
{
    kept *found = *text ? find(text, size) : NULL;
    if (!found || !found->texture) return;
    found->used = ++uses;
    SDL_SetTextureColorMod(found->texture, (Uint8)(colour >> 24), (Uint8)(colour >> 16),
                           (Uint8)(colour >> 8));
    SDL_SetTextureAlphaMod(found->texture, (Uint8)colour);
    SDL_FRect to = {x, y, (float)found->width, (float)found->height};
    SDL_RenderCopyF(canvas, found->texture, NULL, &to);
}

void letters_size(const char *text, int size, int *width, int *height)
{
    *width = *height = 0;
    TTF_Font *font = font_of(size);
    if (font) TTF_SizeUTF8(font, text, width, height);
}

void letters_close(void)
{
    for (int i = 0; i < KEPT; i++)
        drop(&texts[i]);
    for (int i = 0; i < SIZES; i++) {
        if (fonts[i].font) TTF_CloseFont(fonts[i].font);
        fonts[i].font = NULL;
    }
    SDL_free(font_path);
    font_path = NULL;
    TTF_Quit();
}
