/**
 * What each family of decoders is: the description that its config stands for, its rotary
 * frequencies and windows, and the file by which a user describes another one.
 */
package io.github.wandacuda.model.family;
