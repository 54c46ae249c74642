package io.github.wandacuda.backend.gpu;

import io.github.wandacuda.system.PrivateDirectory;
import java.io.IOException;

/**
 * Loads the native libraries of JCuda and JOCL safely. Both unpack a library into {@code
 * java.io.tmpdir} under a predictable name, and load a file that is there already. So {@code
 * java.io.tmpdir} is set to an empty directory that no other user can write to.
 */
public final class NativeLoading {
  private static final String TEMPORARY = "java.io.tmpdir";

  private NativeLoading() {}

  /**
   * Runs code that makes a binding load its library.
   *
   * @throws UnsatisfiedLinkError if it can't
   */
  public static void inPrivateDirectory(Runnable load) {
    synchronized (NativeLoading.class) {
      try (PrivateDirectory directory = PrivateDirectory.create("wanda-cuda-")) {
        String usual = System.setProperty(TEMPORARY, directory.path().toString());
        try {
          load.run();
        } finally {
          System.setProperty(TEMPORARY, usual);
        }
      } catch (IOException e) {
        LinkageError failure =
            new UnsatisfiedLinkError(
                "no private directory to unpack a library in: " + e.getMessage());
        failure.initCause(e);
        throw failure;
      }
    }
  }
}
