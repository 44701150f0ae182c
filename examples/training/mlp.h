/* SPDX-License-Identifier: Apache-2.0
 * mlp — a network of one hidden layer: 64 pixels -> 32 tanh -> 10 classes by softmax. Weights and
 * gradients are each one flat array, which is what an all-reduce wants. */
#pragma once

#include <stdint.h>

#include "dataset.h"

enum {
    HIDDEN = 32,
    MLP_PARAMETERS = HIDDEN * PIXELS + HIDDEN + CLASSES * HIDDEN + CLASSES,
};

/* The same seed gives the same weights, so that all workers start equal without talking. */
void mlp_init(float *weights, uint64_t seed);
/* Adds the gradient of one sample's loss to `gradient`; returns the loss (cross entropy). */
float mlp_learn(const float *weights, const struct sample *s, float *gradient);
int mlp_predict(const float *weights, const struct sample *s); /* the likeliest class */
