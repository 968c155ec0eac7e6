import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import './styles/base.css';
import './styles/parts.css';
import './styles/shell.css';
import './styles/chat.css';
import './styles/knowledge.css';
import './styles/predict.css';
import './styles/models.css';
import './styles/engine.css';
import { App } from './App';
import { startTheme } from './lib/theme';

startTheme();
const root = document.getElementById('root');
if (root) {
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>,
  );
}
