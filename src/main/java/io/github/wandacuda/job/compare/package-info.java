/** Methods measured beside each other on one model, without any output. */
package io.github.wandacuda.job.compare;
