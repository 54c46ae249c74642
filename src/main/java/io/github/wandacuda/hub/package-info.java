/** The Hugging Face Hub: its cache here and what comes into it. Nothing else opens a connection. */
package io.github.wandacuda.hub;
