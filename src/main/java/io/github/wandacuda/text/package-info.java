/**
 * Everything between a user's text file and lists of token ids: tokenizing, the draw of calibration
 * samples and the windows of a perplexity evaluation.
 */
package io.github.wandacuda.text;
