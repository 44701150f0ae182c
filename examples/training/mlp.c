/* SPDX-License-Identifier: Apache-2.0
 * mlp — forward and backward pass in plain loops. */
#include "mlp.h"

#include <math.h>

/* Where the four matrices stand in the flat array, row by row. */
enum {
    W1 = 0,                     /* (HIDDEN, PIXELS) */
    B1 = W1 + HIDDEN * PIXELS,  /* (HIDDEN) */
    W2 = B1 + HIDDEN,           /* (CLASSES, HIDDEN) */
    B2 = W2 + CLASSES * HIDDEN, /* (CLASSES) */
};

struct activations {
    float hidden[HIDDEN];
    float probability[CLASSES];
};

/* Numbers between -1 and 1 from a counter (splitmix64). */
static float uniform(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    return (float)(z >> 40) / (float)(1u << 23) - 1.0f;
}

void mlp_init(float *weights, uint64_t seed)
{
    for (int i = 0; i < MLP_PARAMETERS; i++)
        weights[i] = 0;
    for (int i = 0; i < HIDDEN * PIXELS; i++)
        weights[W1 + i] = uniform(&seed) * sqrtf(3.0f / PIXELS);
    for (int i = 0; i < CLASSES * HIDDEN; i++)
        weights[W2 + i] = uniform(&seed) * sqrtf(3.0f / HIDDEN);
}

/* One layer: where its matrix and bias stand in the flat array, and its shape. */
struct layer {
    int matrix, bias, rows, columns;
};
static const struct layer first = { W1, B1, HIDDEN, PIXELS };
static const struct layer second = { W2, B2, CLASSES, HIDDEN };

/* out(rows) = matrix(rows, columns) x(columns) + bias(rows) */
static void affine(const struct layer *l, const float *w, const float *x, float *out)
{
    for (int i = 0; i < l->rows; i++) {
        float sum = w[l->bias + i];
        for (int j = 0; j < l->columns; j++)
            sum += w[l->matrix + i * l->columns + j] * x[j];
        out[i] = sum;
    }
}

static void softmax(float *v, int n)
{
    float highest = v[0], sum = 0;
    for (int i = 1; i < n; i++)
        highest = fmaxf(highest, v[i]);
    for (int i = 0; i < n; i++) {
        v[i] = expf(v[i] - highest);
        sum += v[i];
    }
    for (int i = 0; i < n; i++)
        v[i] /= sum;
}

static void forward(const float *w, const struct sample *s, struct activations *a)
{
    affine(&first, w, s->pixel, a->hidden);
    for (int i = 0; i < HIDDEN; i++)
        a->hidden[i] = tanhf(a->hidden[i]);
    affine(&second, w, a->hidden, a->probability);
    softmax(a->probability, CLASSES);
}

/* Given the loss' slope over a layer's output, adds the slopes over its matrix and bias. */
static void affine_slopes(const struct layer *l, const float *out_slope, const float *x, float *g)
{
    for (int i = 0; i < l->rows; i++) {
        g[l->bias + i] += out_slope[i];
        for (int j = 0; j < l->columns; j++)
            g[l->matrix + i * l->columns + j] += out_slope[i] * x[j];
    }
}

float mlp_learn(const float *weights, const struct sample *s, float *gradient)
{
    struct activations a;
    forward(weights, s, &a);

    /* The slope of the loss over the softmax' inputs is (probability - truth). */
    float out_slope[CLASSES], hidden_slope[HIDDEN];
    for (int i = 0; i < CLASSES; i++)
        out_slope[i] = a.probability[i] - (i == s->label ? 1.0f : 0.0f);
    for (int j = 0; j < HIDDEN; j++) {
        float sum = 0;
        for (int i = 0; i < CLASSES; i++)
            sum += weights[W2 + i * HIDDEN + j] * out_slope[i];
        hidden_slope[j] = sum * (1.0f - a.hidden[j] * a.hidden[j]); /* slope of tanh */
    }
    affine_slopes(&second, out_slope, a.hidden, gradient);
    affine_slopes(&first, hidden_slope, s->pixel, gradient);
    return -logf(fmaxf(a.probability[s->label], 1e-9f));
}

int mlp_predict(const float *weights, const struct sample *s)
{
    struct activations a;
    forward(weights, s, &a);
    int best = 0;
    for (int i = 1; i < CLASSES; i++)
        if (a.probability[i] > a.probability[best])
            best = i;
    return best;
}
