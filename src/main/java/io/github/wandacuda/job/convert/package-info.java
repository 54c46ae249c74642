/** Conversion of a model into another form. */
package io.github.wandacuda.job.convert;
