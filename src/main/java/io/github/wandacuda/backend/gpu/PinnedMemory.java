package io.github.wandacuda.backend.gpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Map;
import java.util.concurrent.ConcurrentSkipListMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Allocates pinned host memory, and knows which memory is pinned. If no more can be pinned, it
 * allocates ordinary memory. To know it saves a copy and nothing else: if memory is taken for the
 * wrong kind, the work is slower but right. For several threads at once.
 */
final class PinnedMemory {
  private static final Logger LOG = LoggerFactory.getLogger(PinnedMemory.class);
  private static final long ALIGNMENT = 64;

  private final GpuDevice device;
  private final ConcurrentSkipListMap<Long, Long> sizeByAddress = new ConcurrentSkipListMap<>();

  /** Allocates on a device, which has none at first. */
  public PinnedMemory(GpuDevice device) {
    this.device = device;
  }

  /**
   * Allocates memory whose content is undefined, pinned if possible.
   *
   * @param bytes 0 or more
   * @param arena frees the memory when it is closed
   */
  public MemorySegment allocate(long bytes, Arena arena) {
    if (bytes == 0) {
      return arena.allocate(0);
    }
    try {
      MemorySegment memory = device.memory().pinned(bytes, arena);
      sizeByAddress.put(memory.address(), bytes);
      return memory.reinterpret(arena, gone -> sizeByAddress.remove(gone.address()));
    } catch (DeviceMemoryException e) {
      LOG.debug("memory that is not pinned instead", e);
      return arena.allocate(bytes, ALIGNMENT);
    }
  }

  /** Returns whether all of {@code memory} was allocated here and isn't freed. */
  public boolean contains(MemorySegment memory) {
    if (!memory.isNative()) {
      return false;
    }
    Map.Entry<Long, Long> below = sizeByAddress.floorEntry(memory.address());
    return below != null
        && memory.address() + memory.byteSize() <= below.getKey() + below.getValue();
  }
}
