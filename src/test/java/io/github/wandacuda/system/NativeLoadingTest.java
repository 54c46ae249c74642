package io.github.wandacuda.system;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;

class NativeLoadingTest {
  private static final String TEMPORARY = "java.io.tmpdir";

  /** JCuda and JOCL load a library of their name that lies in the temporary directory. */
  @Test
  void showsABindingAnEmptyDirectoryOfItsOwn() {
    String usual = System.getProperty(TEMPORARY);
    AtomicReference<Path> seen = new AtomicReference<>();
    SharedLibrary.inPrivateDirectory(
        () -> {
          seen.set(Path.of(System.getProperty(TEMPORARY)));
          assertThat(seen.get()).isEmptyDirectory().isNotEqualTo(Path.of(usual));
        });
    assertThat(seen.get()).doesNotExist();
    assertThat(System.getProperty(TEMPORARY)).isEqualTo(usual);
  }

  @Test
  void putsEverythingBackWhenLoadingFails() {
    String usual = System.getProperty(TEMPORARY);
    AtomicReference<Path> seen = new AtomicReference<>();
    assertThatThrownBy(
            () ->
                SharedLibrary.inPrivateDirectory(
                    () -> {
                      seen.set(Path.of(System.getProperty(TEMPORARY)));
                      throw new UnsatisfiedLinkError("none");
                    }))
        .isInstanceOf(UnsatisfiedLinkError.class);
    assertThat(Files.exists(seen.get())).isFalse();
    assertThat(System.getProperty(TEMPORARY)).isEqualTo(usual);
  }
}
