package io.github.wandacuda.backend.opencl;

import io.github.wandacuda.backend.gpu.GpuDevice;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Where the kernels' sources are read from. */
interface KernelSources {
  /**
   * Returns the text of a file under {@code kernels}.
   *
   * @param file its name, such as {@code select_rows.cl}
   */
  String read(String file);

  /** Returns the sources in the jar. */
  static KernelSources packed() {
    return file -> {
      try (InputStream stream = GpuDevice.kernelFile(file)) {
        if (stream == null) {
          throw new IllegalArgumentException("no kernel file is called " + file);
        }
        return new String(stream.readAllBytes(), StandardCharsets.UTF_8);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    };
  }

  /**
   * Returns a whole program: a file in which every line {@code #include "other.cl"} is replaced by
   * that file, since at run time the compiler has no directory of files to include.
   *
   * @param file its name under {@code kernels}
   */
  default String program(String file) {
    Matcher include =
        Pattern.compile("^#include \"([a-z_]+\\.cl)\"$", Pattern.MULTILINE).matcher(read(file));
    return include.replaceAll(match -> Matcher.quoteReplacement(program(match.group(1))));
  }
}
