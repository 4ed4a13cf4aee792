import { render } from 'preact';
import { App } from './app';
import { followAddressBar } from './state/place';
import { followAppearance } from './state/preferences';
import { start } from './state/seed';
import './style/base.css';
import './style/parts.css';
import './style/house.css';
import './style/panes.css';
import './style/rooms.css';
import './style/threshold.css';
import './style/messages.css';
import './style/network.css';

followAppearance();
followAddressBar();
const page = document.getElementById('page');
if (page !== null) render(<App />, page);
void start();
