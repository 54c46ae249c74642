/**
 * Parquet files as rows. Hardwood reads them; their pages are unpacked here before, in Java, since
 * a native library trusts what a page says of its size.
 */
package io.github.wandacuda.io.parquet;
