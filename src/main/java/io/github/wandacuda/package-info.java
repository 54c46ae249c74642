/**
 * The values that programs which embed this library hand over and get back: weight matrices in
 * memory of another owner, their element types, how much of them is pruned and by what score,
 * masks, results. What does the work is in {@link io.github.wandacuda.library}.
 */
package io.github.wandacuda;
