package io.github.wandacuda.families;

import io.github.wandacuda.backend.Backend;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestInstance.Lifecycle;

/** Tests of one backend, which is opened once for all of them. */
@TestInstance(Lifecycle.PER_CLASS)
abstract class OneBackend {
  private Backend backend;

  abstract Backend device();

  @BeforeAll
  void open() {
    backend = device();
  }

  @AfterAll
  void close() {
    if (backend != null) {
      backend.close();
    }
  }

  final Backend backend() {
    return backend;
  }
}
