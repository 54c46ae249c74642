package io.github.wandacuda.checkpoint;

import java.util.AbstractCollection;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;

/** The tensors of some shards, shard by shard, none of them copied. */
final class Tensors extends AbstractCollection<Checkpoint.Entry> {
  private final List<SafetensorsFile> shards;

  Tensors(List<SafetensorsFile> shards) {
    this.shards = shards;
  }

  @Override
  public int size() {
    int size = 0;
    for (SafetensorsFile shard : shards) {
      size = Math.addExact(size, shard.tensors().size());
    }
    return size;
  }

  @Override
  public Iterator<Checkpoint.Entry> iterator() {
    return new Entries(shards.iterator());
  }

  private static final class Entries implements Iterator<Checkpoint.Entry> {
    private final Iterator<SafetensorsFile> shards;
    private SafetensorsFile shard;
    private Iterator<TensorInfo> tensors = Collections.emptyIterator();

    Entries(Iterator<SafetensorsFile> shards) {
      this.shards = shards;
    }

    @Override
    public boolean hasNext() {
      while (!tensors.hasNext() && shards.hasNext()) {
        shard = shards.next();
        tensors = shard.tensors().iterator();
      }
      return tensors.hasNext();
    }

    @Override
    public Checkpoint.Entry next() {
      if (!hasNext()) {
        throw new NoSuchElementException();
      }
      return new Checkpoint.Entry(shard, tensors.next());
    }
  }
}
