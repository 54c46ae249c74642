package io.github.wandacuda.backend.opencl;

import io.github.wandacuda.backend.gpu.GpuDevice;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The sources of the kernels. */
interface KernelSources {
  /** Returns the text of a file under {@code kernels}. */
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
   * Returns a whole program: the file, with every line {@code #include "other.cl"} replaced by that
   * file, since at run time the compiler has no directory of files to include.
   */
  default String program(String file) {
    Matcher include =
        Pattern.compile("^#include \"([a-z_]+\\.cl)\"$", Pattern.MULTILINE).matcher(read(file));
    return include.replaceAll(match -> Matcher.quoteReplacement(program(match.group(1))));
  }
}
