package io.github.wandacuda.system;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.error.BackendUnavailableException;
import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.testing.Command;
import io.github.wandacuda.testing.Ended;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.UncheckedIOException;
import java.net.SocketTimeoutException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileLockInterruptionException;
import java.nio.file.FileSystemException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class RealCauseTest {
  @TempDir Path directory;

  static Stream<Throwable> cancellations() {
    return Stream.of(
        new CancelledException(),
        new InputException(ErrorDetails.NOWHERE.said("a model"), new ClosedByInterruptException()),
        new OutputException("a file", new FileLockInterruptionException()),
        new IllegalStateException(new InterruptedException()),
        new UncheckedIOException(new InterruptedIOException()),
        new Error(
            new InputException(
                ErrorDetails.NOWHERE.said("deeper"), new ClosedByInterruptException())));
  }

  @ParameterizedTest
  @MethodSource("cancellations")
  void whatAnInterruptLeadsToIsACancellation(Throwable e) {
    assertThat(RealCause.behind(e)).containsInstanceOf(CancelledException.class);
  }

  @Test
  void whateverFailsInAThreadThatIsInterruptedIsACancellation() {
    Thread.currentThread().interrupt();
    try {
      assertThat(
              RealCause.behind(
                  new InputException(ErrorDetails.NOWHERE.said("x"), new ClosedChannelException())))
          .containsInstanceOf(CancelledException.class);
    } finally {
      assertThat(Thread.interrupted()).isTrue();
    }
  }

  static Stream<Throwable> wantsOfFiles() {
    return Stream.of(
        new InputException(
            ErrorDetails.NOWHERE.said("x"),
            new FileSystemException("x", null, "Too many open files")),
        new UncheckedIOException(new FileNotFoundException("/a (Too many open files)")),
        new BackendUnavailableException(
            "tokenizer", new IOException("Cannot run program: error=24, Too many open files")),
        new UnsatisfiedLinkError("/a.so: cannot open shared object file: Too many open files"));
  }

  @ParameterizedTest
  @MethodSource("wantsOfFiles")
  void theLimitOnOpenFilesIsNamed(Throwable e) {
    assertThat(RealCause.behind(e).orElseThrow())
        .isInstanceOf(OutputException.class)
        .hasMessageContaining("ulimit -n");
  }

  static Stream<Throwable> others() {
    return Stream.of(
        new InputException(
            ErrorDetails.NOWHERE.said("tensor Too many open files: expected 1, found 2")),
        new InputException(
            ErrorDetails.NOWHERE.said("x"),
            new FileSystemException("Too many open files", null, "denied")),
        new UncheckedIOException(new SocketTimeoutException()),
        new IllegalStateException("Shutdown in progress"),
        new OutOfMemoryError(),
        new NullPointerException());
  }

  @ParameterizedTest
  @MethodSource("others")
  void otherFailuresStandForThemselves(Throwable e) {
    assertThat(RealCause.behind(e)).isEmpty();
  }

  @Test
  void whateverFailsWhileTheProcessEndsIsACancellation() throws Exception {
    Ended child = Command.main(List.of(), Ending.class).in(directory).run();
    assertThat(child.said()).contains("Optional[" + CancelledException.class.getName());
  }

  /** Fails while its process ends. */
  static final class Ending {
    private Ending() {}

    public static void main(String[] args) {
      Runnable failing =
          () -> System.out.println(RealCause.behind(new IllegalStateException("Shutdown")));
      Runtime.getRuntime().addShutdownHook(new Thread(failing));
    }
  }
}
