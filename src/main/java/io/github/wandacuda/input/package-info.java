/** Opening files to read them, where a file may be anything that its name can lead to. */
package io.github.wandacuda.input;
