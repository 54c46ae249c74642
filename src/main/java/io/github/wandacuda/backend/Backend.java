package io.github.wandacuda.backend;

/** A device that is open for work: it selects weights and runs a decoder's operations. */
public interface Backend extends AutoCloseable {
  /** Returns the backend's name, as {@code --backend} takes it. */
  String name();

  /** Returns the device's name, for people. */
  String device();

  /** Returns how many calls of {@link #selector()} should be under way at once. */
  int concurrency();

  /** Returns the pruning half. */
  Selector selector();

  /** Returns the forward half. */
  Operations operations();

  /** Lets go of the device and of all that was made on it. */
  @Override
  void close();
}
