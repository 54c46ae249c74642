/**
 * Selection as plain loops over a row: the specification that every other path equals to the bit.
 */
package io.github.wandacuda.select.reference;
