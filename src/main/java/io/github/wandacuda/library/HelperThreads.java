package io.github.wandacuda.library;

import java.util.concurrent.Executor;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** The daemon threads that help callers who brought no executor. They start when first needed. */
final class HelperThreads implements Executor {
  private static final long IDLE_SECONDS = 30;

  private final ThreadPoolExecutor executor;

  /**
   * Prepares threads.
   *
   * @param count at most, 1 or more
   */
  HelperThreads(int count) {
    AtomicInteger number = new AtomicInteger();
    executor =
        new ThreadPoolExecutor(
            count,
            count,
            IDLE_SECONDS,
            TimeUnit.SECONDS,
            new LinkedBlockingQueue<>(),
            work ->
                Thread.ofPlatform()
                    .daemon()
                    .name("wanda-cuda-helper-" + number.incrementAndGet())
                    .unstarted(work));
    executor.allowCoreThreadTimeOut(true);
  }

  @Override
  public void execute(Runnable work) {
    executor.execute(work);
  }

  /** Ends the threads. Whoever calls for help from now on gets none. */
  void close() {
    executor.shutdown();
  }
}
