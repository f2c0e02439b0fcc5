/* Paint: see host.h. What the scripts draw with:
 *
 *   paint.box(x, y, width, height, colour[, radius])     paint.line(x1, y1, x2, y2, colour)
 *   paint.disc(x, y, radius, colour)                     paint.ring(x, y, radius, thickness, colour[, from, to])
 *   paint.text(text, x, y, colour[, size])               width, height = paint.measure(text[, size])
 *   picture = paint.picture(path): its number, width, height; or nil, message
 *   paint.show(picture, x, y, width, height)             paint.clip(x, y, width, height), paint.clip(): all of it
 *   width, height = paint.size()
 *
 * Lengths in pixels from the upper left, colours 0xRRGGBBAA, angles in turns from the top, clockwise. */
#include "host.h"

#include <SDL_image.h>
#include <lauxlib.h>
#include <math.h>

#define PICTURES 64
#define DISC 128 /* pixels that the one disc has which all discs are drawn from */
#define STEPS 48 /* corners of a whole ring */

static SDL_Renderer *canvas;
static SDL_Texture *disc;
static SDL_Texture *pictures[PICTURES];
static int picture_count;

static float check_float(lua_State *L, int arg)
{
    return (float)luaL_checknumber(L, arg);
}

static void set_colour(Uint32 colour)
{
    SDL_SetRenderDrawColor(canvas, (Uint8)(colour >> 24), (Uint8)(colour >> 16), (Uint8)(colour >> 8),
                           (Uint8)colour);
}

/* A white disc with a soft edge. */
static SDL_Texture *make_disc(void)
{
    SDL_Surface *surface = SDL_CreateRGBSurfaceWithFormat(0, DISC, DISC, 32, SDL_PIXELFORMAT_RGBA32);
    if (!surface) return NULL;
    for (int y = 0; y < DISC; y++) {
        Uint8 *row = (Uint8 *)surface->pixels + y * surface->pitch;
        for (int x = 0; x < DISC; x++) {
            float dx = (float)x - (DISC - 1) / 2.0f, dy = (float)y - (DISC - 1) / 2.0f;
            float inside = DISC / 2.0f - sqrtf(dx * dx + dy * dy);
            float alpha = inside <= 0 ? 0 : inside >= 2 ? 1 : inside / 2;
            row[4 * x] = row[4 * x + 1] = row[4 * x + 2] = 255;
            row[4 * x + 3] = (Uint8)(alpha * 255);
        }
    }
    SDL_Texture *made = SDL_CreateTextureFromSurface(canvas, surface);
    SDL_FreeSurface(surface);
    if (made) SDL_SetTextureScaleMode(made, SDL_ScaleModeLinear);
    return made;
}

/* A part of the disc: `from` in its pixels, all of it for NULL. */
static void draw_disc(const SDL_Rect *from, float x, float y, float width, float height, Uint32 colour)
{
    SDL_FRect to = {x, y, width, height};
    SDL_SetTextureColorMod(disc, (Uint8)(colour >> 24), (Uint8)(colour >> 16), (Uint8)(colour >> 8));
    SDL_SetTextureAlphaMod(disc, (Uint8)colour);
    SDL_RenderCopyF(canvas, disc, from, &to);
}

static int paint_box(lua_State *L)
{
    float x = check_float(L, 1), y = check_float(L, 2), width = check_float(L, 3), height = check_float(L, 4);
    Uint32 colour = (Uint32)luaL_checkinteger(L, 5);
    float radius = (float)luaL_optnumber(L, 6, 0);
    set_colour(colour);
    if (radius <= 0) {
        SDL_RenderFillRectF(canvas, &(SDL_FRect){x, y, width, height});
        return 0;
    }
    /* three boxes, and a quarter of the disc at each corner: nothing is drawn twice, colours may let things through */
    SDL_RenderFillRectF(canvas, &(SDL_FRect){x + radius, y, width - 2 * radius, height});
    SDL_RenderFillRectF(canvas, &(SDL_FRect){x, y + radius, radius, height - 2 * radius});
    SDL_RenderFillRectF(canvas, &(SDL_FRect){x + width - radius, y + radius, radius, height - 2 * radius});
    for (int i = 0; i < 4; i++) {
        SDL_Rect quarter = {i % 2 * DISC / 2, i / 2 * DISC / 2, DISC / 2, DISC / 2};
        draw_disc(&quarter, i % 2 ? x + width - radius : x, i / 2 ? y + height - radius : y, radius, radius,
                  colour);
    }
    return 0;
}

static int paint_line(lua_State *L)
{
    set_colour((Uint32)luaL_checkinteger(L, 5));
    SDL_RenderDrawLineF(canvas, check_float(L, 1), check_float(L, 2), check_float(L, 3), check_float(L, 4));
    return 0;
}

static int paint_disc(lua_State *L)
{
    float x = check_float(L, 1), y = check_float(L, 2), radius = check_float(L, 3);
    draw_disc(NULL, x - radius, y - radius, 2 * radius, 2 * radius, (Uint32)luaL_checkinteger(L, 4));
    return 0;
}

static int paint_ring(lua_State *L)
{
    float x = check_float(L, 1), y = check_float(L, 2), radius = check_float(L, 3),
          inner = radius - check_float(L, 4);
    Uint32 colour = (Uint32)luaL_checkinteger(L, 5);
    float from = (float)luaL_optnumber(L, 6, 0), to = (float)luaL_optnumber(L, 7, 1);
    SDL_Color of = {(Uint8)(colour >> 24), (Uint8)(colour >> 16), (Uint8)(colour >> 8), (Uint8)colour};
    SDL_Vertex corners[2 * (STEPS + 1)];
    int indices[6 * STEPS], count = 0;
    for (int i = 0; i <= STEPS; i++) {
        float angle = 6.2831853f * (from + (to - from) * (float)i / STEPS);
        float right = sinf(angle), up = cosf(angle);
        corners[2 * i] = (SDL_Vertex){{x + right * radius, y - up * radius}, of, {0, 0}};
        corners[2 * i + 1] = (SDL_Vertex){{x + right * inner, y - up * inner}, of, {0, 0}};
        if (i == STEPS) break;
        int first = 2 * i, six[] = {first, first + 1, first + 2, first + 1, first + 2, first + 3};
        for (int j = 0; j < 6; j++)
            indices[count++] = six[j];
    }
    SDL_RenderGeometry(canvas, NULL, corners, 2 * (STEPS + 1), indices, count);
    return 0;
}

static int paint_text(lua_State *L)
{
    letters_draw(luaL_checkstring(L, 1), (int)luaL_optinteger(L, 5, 16), check_float(L, 2), check_float(L, 3),
                 (Uint32)luaL_checkinteger(L, 4));
    return 0;
}

static int paint_measure(lua_State *L)
{
    int width, height;
    letters_size(luaL_checkstring(L, 1), (int)luaL_optinteger(L, 2, 16), &width, &height);
    lua_pushinteger(L, width);
    lua_pushinteger(L, height);
    return 2;
}

static int paint_picture(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    SDL_Texture *loaded = picture_count < PICTURES ? IMG_LoadTexture(canvas, path) : NULL;
    if (!loaded) {
        luaL_pushfail(L);
        lua_pushstring(L, picture_count < PICTURES ? SDL_GetError() : "too many pictures");
        return 2;
    }
    int width, height;
    SDL_QueryTexture(loaded, NULL, NULL, &width, &height);
    SDL_SetTextureScaleMode(loaded, SDL_ScaleModeLinear);
    pictures[picture_count++] = loaded;
    lua_pushinteger(L, picture_count);
    lua_pushinteger(L, width);
    lua_pushinteger(L, height);
    return 3;
}

static int paint_show(lua_State *L)
{
    lua_Integer number = luaL_checkinteger(L, 1);
    luaL_argcheck(L, number >= 1 && number <= picture_count, 1, "no such picture");
    SDL_FRect to = {check_float(L, 2), check_float(L, 3), check_float(L, 4), check_float(L, 5)};
    SDL_RenderCopyF(canvas, pictures[number - 1], NULL, &to);
    return 0;
}

static int paint_clip(lua_State *L)
{
    if (lua_isnoneornil(L, 1)) {
        SDL_RenderSetClipRect(canvas, NULL);
        return 0;
    }
    SDL_Rect to = {(int)check_float(L, 1), (int)check_float(L, 2), (int)check_float(L, 3),
                   (int)check_float(L, 4)};
    SDL_RenderSetClipRect(canvas, &to);
    return 0;
}

static int paint_size(lua_State *L)
{
    int width = 0, height = 0;
    SDL_GetRendererOutputSize(canvas, &width, &height);
    lua_pushinteger(L, width);
    lua_pushinteger(L, height);
    return 2;
}

static const luaL_Reg functions[] = {
    {"box", paint_box},         {"line", paint_line},       {"disc", paint_disc}, {"ring", paint_ring},
    {"text", paint_text},       {"measure", paint_measure}, {"show", paint_show}, {"clip", paint_clip},
    {"picture", paint_picture}, {"size", paint_size},       {NULL, NULL},
};

static int open_module(lua_State *L)
{
    luaL_newlib(L, functions);
    return 1;
}

void paint_open(lua_State *L, SDL_Renderer *renderer)
{
    canvas = renderer;
    if (!disc) disc = make_disc();
    luaL_requiref(L, "paint", open_module, 0);
    lua_pop(L, 1);
}

void paint_forget(void)
{
    while (picture_count > 0)
        SDL_DestroyTexture(pictures[--picture_count]);
}

void paint_close(void)
{
    paint_forget();
    if (disc) SDL_DestroyTexture(disc);
    disc = NULL;
}
