/**
 * Texts as people have them (plain, JSON lines, gzip, Parquet and lists of token ids), each read
 * within bounds; and a model's tokenizer, whose native library runs in a process of its own.
 * Hardwood reads Parquet; its pages are unpacked here before, in Java, since a native library
 * trusts what a page says of its size.
 */
package io.github.wandacuda.text;
