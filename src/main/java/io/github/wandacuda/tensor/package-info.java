/** Weight matrices in memory that somebody else owns, and the element types that they may have. */
package io.github.wandacuda.tensor;
