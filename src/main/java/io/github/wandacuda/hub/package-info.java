/**
 * The Hugging Face Hub: its cache on this machine, and what comes into it. The only package that
 * opens a connection.
 */
package io.github.wandacuda.hub;
