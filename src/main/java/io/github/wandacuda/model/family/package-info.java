/** The decoder families whose forward pass is known; each describes its models. */
package io.github.wandacuda.model.family;
