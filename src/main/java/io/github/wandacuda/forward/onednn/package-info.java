/** Linear layers in bfloat16 through oneDNN, a library of the system that may be missing. */
package io.github.wandacuda.forward.onednn;
